// Figures and data as files.
function saveText(name, kind, content) {
  const address = URL.createObjectURL(new Blob([content], { type: kind }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function openFiles(figure) {
  const { file } = figure.dataset;
  const { src } = figure.querySelector("img");
  const title = figure.querySelector("figcaption b").textContent;
  const button = (kind, save) => {
    const made = make("button", { type: "button", "aria-label": `Save as ${kind}: ${title}` }, kind);
    made.addEventListener("click", save);
    return made;
  };
  const drawing = () => Uint8Array.from(atob(src.split(",")[1]), (letter) => letter.charCodeAt(0));
  const folded = figure.querySelector("figcaption:first-child");
  const tools = figure.querySelector(".tools") ?? make("div", { className: "tools" });
  tools.append(
    button("SVG", () => saveText(`${file}.svg`, "image/svg+xml", drawing())),
    button("CSV", () => saveText(`${file}.csv`, "text/csv", files[file])),
  );
  if (folded) folded.after(tools);
  else figure.append(tools);
}
