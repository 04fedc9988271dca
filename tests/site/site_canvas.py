"""What the canvases of a page show; BokehJS keeps them in nested shadow trees, which selectors do not enter."""

PIXELS = """
function pixels(root) {
  const found = [];
  const walk = (node) => node.querySelectorAll("*").forEach((element) => {
    const box = element.getBoundingClientRect(); // empty if a plot of a layout is switched off
    if (element.tagName === "CANVAS" && box.width > 50 && box.height > 50) found.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  });
  walk(root);
  return found.map((c) => ({plot: c.getRootNode(), data: c.getContext("2d").getImageData(0, 0, c.width, c.height).data}));
}
"""


def colour_counts(figure) -> list[int]:
    """How many distinct colours each plot of a figure shows; a plot has a canvas for marks and one for what lies above."""
    return figure.evaluate(
        "(element) => {"
        + PIXELS
        + """
      const plots = new Map();
      for (const {plot, data} of pixels(element)) {
        const seen = plots.get(plot) ?? plots.set(plot, new Set()).get(plot);
        for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
      }
      return [...plots.values()].map((seen) => seen.size);
    }"""
    )


def pixels_like(figure, rgb) -> int:
    """How many pixels of a figure have nearly this colour."""
    return figure.evaluate(
        "(element, [r, g, b]) => {"
        + PIXELS
        + """
      let count = 0;
      for (const {data} of pixels(element)) for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 40) count++;
      return count;
    }""",
        list(rgb),
    )


def point(page, renderer: int, index: int) -> tuple[float, float]:
    """Where on the screen a point of a renderer of the page's first plot lies."""
    return tuple(
        page.evaluate(
            """([renderer, index]) => {
      const view = Bokeh.index.roots[0];
      const glyph = [...view.renderer_views.values()].filter((v) => v.glyph)[renderer].glyph;
      const box = view.el.getBoundingClientRect();
      return [box.x + glyph.sx[index], box.y + glyph.sy[index]];
    }""",
            [renderer, index],
        )
    )


def settle(page) -> None:
    """Wait until two frames have been drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def watch(page):
    """Let a page collect what it asks of other hosts, its errors, the scripts it loads, and its dialogs."""
    page.outside, page.errors, page.scripts, page.dialogs = [], [], [], []

    def see_request(request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            page.outside.append(request.url)
        if request.resource_type == "script":
            page.scripts.append(request.url)

    page.on("request", see_request)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("response", lambda r: page.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("dialog", lambda dialog: (page.dialogs.append(dialog.message), dialog.dismiss()))
    return page
