"""The networks of the Gluon model zoo and of GluonCV, by the names that readers know."""

import re

GLUON = """
alexnet densenet121 densenet161 densenet169 densenet201 inceptionv3 mobilenet0.25 mobilenet0.5 mobilenet0.75 mobilenet1.0
mobilenetv2_0.25 mobilenetv2_0.5 mobilenetv2_0.75 mobilenetv2_1.0 resnet18_v1 resnet34_v1 resnet50_v1 resnet101_v1
resnet152_v1 resnet18_v2 resnet34_v2 resnet50_v2 resnet101_v2 resnet152_v2 squeezenet1.0 squeezenet1.1 vgg11 vgg13 vgg16
vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn
""".split()

GLUONCV = """
darknet53 dla34 googlenet hrnet_w18_c hrnet_w18_small_v1_c hrnet_w18_small_v2_c hrnet_w30_c hrnet_w32_c hrnet_w40_c
hrnet_w44_c hrnet_w48_c hrnet_w64_c mobilenetv3_large mobilenetv3_small nasnet_4_1056 nasnet_5_1538 nasnet_6_4032
nasnet_7_1920 residualattentionnet56 residualattentionnet92 residualattentionnet128 residualattentionnet164
residualattentionnet200 residualattentionnet236 residualattentionnet452 resnest14 resnest26 resnest50 resnest101 resnest200
resnest269 resnet18_v1b resnet34_v1b resnet50_v1b resnet101_v1b resnet152_v1b resnet50_v1b_gn resnet101_v1b_gn resnet50_v1c
resnet101_v1c resnet152_v1c resnet50_v1d resnet101_v1d resnet152_v1d resnet50_v1e resnet101_v1e resnet152_v1e resnet50_v1s
resnet101_v1s resnet152_v1s resnet18_v1b_0.89 resnet50_v1d_0.86 resnet50_v1d_0.48 resnet50_v1d_0.37 resnet50_v1d_0.11
resnet101_v1d_0.76 resnet101_v1d_0.73 resnext50_32x4d resnext101_32x4d resnext101_64x4d resnext101e_64x4d se_resnet18_v1
se_resnet34_v1 se_resnet50_v1 se_resnet101_v1 se_resnet152_v1 se_resnet18_v2 se_resnet34_v2 se_resnet50_v2 se_resnet101_v2
se_resnet152_v2 se_resnext50_32x4d se_resnext101_32x4d se_resnext101_64x4d se_resnext101e_64x4d senet_154 senet_154e
shufflenet_v1 shufflenet_v2 xception xception71 cifar_resnet20_v1 cifar_resnet56_v1 cifar_resnet110_v1 cifar_resnet20_v2
cifar_resnet56_v2 cifar_resnet110_v2 cifar_wideresnet16_10 cifar_wideresnet28_10 cifar_wideresnet40_8
cifar_resnext29_32x4d cifar_resnext29_16x64d cifar_residualattentionnet56 cifar_residualattentionnet92
cifar_residualattentionnet452
""".split()

# The names that readers know, built from the zoos' own by these rules, the first that fits.
RULES = [
    (r"alexnet", "AlexNet"), (r"googlenet", "GoogLeNet"), (r"xception(\d*)", r"Xception\1"), (r"darknet(\d+)", r"DarkNet-\1"),
    (r"dla(\d+)", r"DLA-\1"), (r"densenet(\d+)", r"DenseNet-\1"), (r"inceptionv3", "InceptionV3"), (r"vgg(\d+)", r"VGG-\1"),
    (r"squeezenet(.+)", r"SqueezeNet-\1"), (r"shufflenet_(v\d)", r"ShuffleNet-\1"), (r"mobilenet(\d.+)", r"MobileNet-\1"),
    (r"mobilenetv(\d)_", r"MobileNetV\1-"), (r"hrnet_", "HRNet-"), (r"nasnet_", "NASNet-"), (r"senet_", "SENet-"),
    (r"residualattentionnet(\d+)", r"ResidualAttentionNet-\1"), (r"resnest(\d+)", r"ResNeSt-\1"),
    (r"resnext(\d+e?)_", r"ResNeXt-\1_"), (r"wideresnet(\d+)", r"WideResNet-\1"), (r"resnet(\d+)_(v\d[a-z]?)", r"ResNet-\2-\1"),
]  # fmt: skip


def display_name(zoo_name: str) -> str:
    """resnet50_v1d_0.48 -> ResNet-v1d-50_0.48"""
    prefix, rest = re.fullmatch(r"(cifar_|se_)?(.*)", zoo_name).groups()
    pattern, name = next(rule for rule in RULES if re.match(rule[0], rest))
    return {"cifar_": "CIFAR-", "se_": "SE-", None: ""}[prefix] + re.sub(f"^{pattern}", name, rest)


# task -> display name -> the zoo's own name; first the Gluon zoo, then what GluonCV adds
MODELS = {"classification": {display_name(name): name for name in GLUON + GLUONCV}}
