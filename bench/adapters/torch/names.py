"""The networks of torchvision and timm by the names that readers know, and which of them are measured unless others are named."""

# The names that readers know, with package and name there. A network has the name of another adapter's only where the two have
# the same layers: torchvision's ResNet strides in the 3 x 3 convolution, which the Gluon zoo calls v1b.
NETWORKS = """
AlexNet torchvision/alexnet
VGG-11 torchvision/vgg11
VGG-13 torchvision/vgg13
VGG-16 torchvision/vgg16
VGG-19 torchvision/vgg19
VGG-11_bn torchvision/vgg11_bn
VGG-16_bn torchvision/vgg16_bn
ResNet-v1b-18 torchvision/resnet18
ResNet-v1b-34 torchvision/resnet34
ResNet-v1b-50 torchvision/resnet50
ResNet-v1b-101 torchvision/resnet101
ResNet-v1b-152 torchvision/resnet152
ResNeXt-50_32x4d torchvision/resnext50_32x4d
ResNeXt-101_32x8d torchvision/resnext101_32x8d
WideResNet-50-2 torchvision/wide_resnet50_2
DenseNet-121 torchvision/densenet121
DenseNet-161 torchvision/densenet161
DenseNet-169 torchvision/densenet169
DenseNet-201 torchvision/densenet201
SqueezeNet-1.0 torchvision/squeezenet1_0
SqueezeNet-1.1 torchvision/squeezenet1_1
InceptionV3 torchvision/inception_v3
GoogLeNet torchvision/googlenet
MobileNetV2 torchvision/mobilenet_v2
MobileNetV3-Small-1.0 torchvision/mobilenet_v3_small
MobileNetV3-Large-1.0 torchvision/mobilenet_v3_large
MobileNetV4-Conv-Small timm/mobilenetv4_conv_small
MobileNetV4-Conv-Medium timm/mobilenetv4_conv_medium
MNASNet-1.0 torchvision/mnasnet1_0
ShuffleNetV2-1.0 torchvision/shufflenet_v2_x1_0
EfficientNet-B0 torchvision/efficientnet_b0
EfficientNet-B2 torchvision/efficientnet_b2
EfficientNet-B4 torchvision/efficientnet_b4
EfficientNetV2-S torchvision/efficientnet_v2_s
EfficientNet-Lite0 timm/tf_efficientnet_lite0
EfficientNet-Lite1 timm/tf_efficientnet_lite1
EfficientNet-Lite2 timm/tf_efficientnet_lite2
RegNetY-800MF torchvision/regnet_y_800mf
RegNetY-3.2GF torchvision/regnet_y_3_2gf
RegNetY-16GF torchvision/regnet_y_16gf
ConvNeXt-T torchvision/convnext_tiny
ConvNeXt-S torchvision/convnext_small
ConvNeXt-B torchvision/convnext_base
ViT-Ti-16 timm/vit_tiny_patch16_224
ViT-S-16 timm/vit_small_patch16_224
ViT-B-16 timm/vit_base_patch16_224
ViT-L-16 timm/vit_large_patch16_224
Swin-T torchvision/swin_t
Swin-S torchvision/swin_s
Swin-B torchvision/swin_b
MaxViT-T torchvision/maxvit_t
""".split()
MODELS = {"classification": dict(zip(NETWORKS[::2], NETWORKS[1::2]))}  # task -> display name -> package and name there

# What is measured unless others are named: the original page's networks as far as they are the same here, and what came after them.
DEFAULTS = """
AlexNet VGG-16 ResNet-v1b-18 ResNet-v1b-34 ResNet-v1b-50 ResNet-v1b-101 ResNet-v1b-152 ResNeXt-50_32x4d WideResNet-50-2 DenseNet-121
DenseNet-201 SqueezeNet-1.1 InceptionV3 MobileNetV2 MobileNetV3-Small-1.0 MobileNetV3-Large-1.0 MobileNetV4-Conv-Medium
ShuffleNetV2-1.0 EfficientNet-B0 EfficientNet-B4 EfficientNetV2-S RegNetY-800MF RegNetY-3.2GF RegNetY-16GF ConvNeXt-T ConvNeXt-B
ViT-Ti-16 ViT-S-16 ViT-B-16 ViT-L-16 Swin-T Swin-B
""".split()

# Sides of the images that a network was made for, where it is not 224.
SIDES = {"InceptionV3": 299, "EfficientNet-B2": 288, "EfficientNet-B4": 380, "EfficientNetV2-S": 384, "EfficientNet-Lite1": 240, "EfficientNet-Lite2": 260}
