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
