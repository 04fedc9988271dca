/* Draw the plots of a page and let them follow its light or dark theme. */
(() => {
  "use strict";

  const root = document.documentElement;
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = new WeakMap(); // model -> {property: the colour that the notebook set}
  const GREY = 24; // channels that differ by no more make a grey

  /* A CSS colour as [red, green, blue, alpha], or null. */
  function channels(colour) {
    if (!CSS.supports("color", colour)) return null;
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }

  /* Greys are turned round, from the page's text colour to its background; true colours stay. */
  function darkened(paper, ink) {
    const known = new Map();
    return (colour) => {
      if (typeof colour !== "string") return colour;
      if (!known.has(colour)) {
        const rgba = channels(colour);
        const [r, g, b, a] = rgba ?? [0, 0, 255, 0];
        const grey = a > 0 && Math.max(r, g, b) - Math.min(r, g, b) <= GREY;
        const part = (r + g + b) / 765; // 0 black, 1 white
        const mixed = paper.map((p, i) => Math.round(ink[i] + part * (p - ink[i])));
        known.set(colour, grey ? `rgba(${mixed.slice(0, 3)}, ${a})` : colour);
      }
      return known.get(colour);
    };
  }

  function pageColour(name, otherwise) {
    const value = getComputedStyle(root).getPropertyValue(name).trim();
    return (value && channels(value)) || otherwise;
  }

  function isPlain(value) {
    return typeof value === "string" || typeof value?.value === "string";
  }

  /* The colours of one model as the notebook set them; a column of colours belongs to the data and stays. */
  function original(model) {
    if (!light.has(model)) {
      const names = Object.keys(model.properties).filter((name) => /(^|_)color$/.test(name) && isPlain(model[name]));
      light.set(model, Object.fromEntries(names.map((name) => [name, model[name]])));
    }
    return light.get(model);
  }

  function paint(dark) {
    const paper = pageColour("--pst-color-background", [20, 24, 30, 1]);
    const ink = pageColour("--pst-color-text-base", [206, 214, 221, 1]);
    const turn = dark ? darkened(paper, ink) : (colour) => colour;
    for (const doc of Bokeh.documents) {
      for (const model of doc.all_models) {
        const colours = Object.entries(original(model)).map(([name, colour]) =>
          [name, typeof colour === "string" ? turn(colour) : {...colour, value: turn(colour.value)}]);
        if (colours.length > 0) model.setv(Object.fromEntries(colours));
      }
    }
  }

  const follow = () => paint(root.dataset.theme === "dark");

  async function draw(script) {
    const figure = script.closest("figure");
    try {
      // The element, not its id: a page may show plots of two notebooks, each of which counts from 1.
      await Bokeh.embed.embed_item(JSON.parse(script.textContent), figure.querySelector(".plot-target"));
      figure.classList.add("plot-drawn");
    } catch (error) {
      figure.classList.add("plot-failed");
      figure.querySelector("details")?.setAttribute("open", "");
      console.error(error);
    }
  }

  async function drawAll() {
    globalThis.Bokeh?.set_log_level("warn");  // where it is missing each plot says so
    await Promise.all(Array.from(document.querySelectorAll("script.plot-item"), draw));
    follow();
    root.classList.add("plots-ready");
    new MutationObserver(follow).observe(root, {attributes: true, attributeFilter: ["data-theme"]});
    addEventListener("beforeprint", () => paint(false));
    addEventListener("afterprint", follow);
  }

  drawAll(); // the script is deferred: the page is there
})();
