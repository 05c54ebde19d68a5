"use strict";

// Pictures of predictions become layers under sliders. Without this script still pictures remain.
for (const viewer of document.querySelectorAll(".viewer")) {
  const [opacity, boundary] = ["opacity", "boundary"].map((name) => viewer.querySelector(`.viewer-${name}`));
  const arm = viewer.querySelector(".viewer-arm");
  const layers = [...viewer.querySelectorAll("img[data-shows]")].filter((layer) => layer.dataset.shows !== "image");

  const update = () => {
    const shows = viewer.querySelector("[name=viewer-shows]:checked").value;
    const divided = shows === "both";
    const at = boundary.value;
    for (const layer of layers) {
      const of = layer.dataset.shows;
      const wanted = of === shows || (divided && of !== "error");
      layer.hidden = !wanted || (layer.dataset.arm !== undefined && layer.dataset.arm !== arm.value);
      layer.style.opacity = opacity.value / 100;
      layer.style.clipPath = divided ? `inset(0 ${of === "truth" ? 100 - at : 0}% 0 ${of === "truth" ? 0 : at}%)` : "";
    }
    for (const words of viewer.querySelectorAll("span[data-arm]")) words.hidden = words.dataset.arm !== arm.value;
    for (const line of viewer.querySelectorAll(".boundary")) {
      line.hidden = !divided;
      line.style.left = `${at}%`;
    }
    boundary.disabled = !divided;
  };

  for (const stack of viewer.querySelectorAll(".stack")) {
    const drag = (event) => {
      if (!event.buttons || boundary.disabled) return;
      const box = stack.getBoundingClientRect();
      boundary.value = 100 * (event.clientX - box.left) / box.width;
      update();
    };
    stack.addEventListener("pointerdown", drag);
    stack.addEventListener("pointermove", drag);
  }
  viewer.addEventListener("input", update);
  viewer.hidden = false;
  for (const still of document.querySelectorAll(".stills")) still.open = false;
  update();
}

// Images on the map say their name and score, and lead to their picture.
for (const map of document.querySelectorAll(".map")) {
  const tiles = [...map.querySelectorAll(".tile")];
  const readout = map.querySelector(".map-readout");
  const tell = (event) => {
    const tile = event.target.closest(".tile");
    if (tile) readout.textContent = tile.getAttribute("aria-label");
  };
  const move = (event) => {
    const at = tiles.indexOf(event.target.closest(".tile"));
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: tiles.length - 1 }[event.key];
    if (at < 0 || to === undefined || !tiles[to]) return;
    event.preventDefault();
    tiles[at].tabIndex = -1;
    tiles[to].tabIndex = 0;
    tiles[to].focus();
  };
  const lead = (event) => {
    const picture = document.querySelector(`#layers-${event.target.closest(".tile")?.dataset.picture}`);
    if (!picture) return;
    event.preventDefault();
    picture.scrollIntoView({ block: "center" });
    picture.focus();
  };
  map.addEventListener("pointerover", tell);
  map.addEventListener("focusin", tell);
  map.addEventListener("keydown", move);
  map.addEventListener("click", lead);
}
