// Everything is opened once; without this script the tables and figures stay as they are written.
recall();
document.querySelectorAll("table.sortable").forEach(openTable);
openBar();
document.querySelectorAll(".grid[data-metric]").forEach(openRanking);
openRows();
document.querySelectorAll('figure[data-chart="ranking"]').forEach(foldStill);
openCurves();
openPareto();
openParallel();
openTimeline();
document.querySelectorAll("figure[data-file]").forEach(openFiles);
redrawInOtherColours();
choose(() => {});

// While a sweep runs, its page is written again and again. Who is typing is not interrupted.
const again = Number(document.body.dataset.again);
function reload() {
  if (document.activeElement?.matches("input, select")) setTimeout(reload, 1000);
  else location.reload();
}
if (again) setTimeout(reload, 1000 * again);
