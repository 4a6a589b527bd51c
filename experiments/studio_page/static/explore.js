// A map of the latent space, and grids of seeds.

import { $, act, attempt, fill, latest, make, on, say, setCommand, show, slider, studio } from "./core.js";

const map = $("#map");
let dots = [], cross = null, shown = null, drawnFor = "";

const load = latest(async () => {
  const kind = $("#map-kind").value;
  $("#map-busy").hidden = false;
  $("#map-busy").textContent = kind === "pca" ? "Finding the axes…" : "Arranging neighbors…";
  try {
    const answer = await act("map", { kind });
    dots = answer.dots;
    if (!cross) setCommand("map", answer.command);
  }
  finally { $("#map-busy").hidden = true; }
  draw();
});

on("hello", (hello) => {
  fill($("#map-kind"), hello.maps.map((kind) => [kind, { pca: "Principal components (PCA)", tsne: "Neighbors (t-SNE)" }[kind]]));
  drawnFor = "";
  cross = shown = null;
});
$("#map-kind").onchange = () => { cross = null; load(); };
const refresh = () => {
  const now = JSON.stringify([studio.hello?.generator.sha256, studio.state.tray.map((entry) => entry.name)]);
  if (studio.tab !== "explore" || now === drawnFor) return;
  drawnFor = now;
  load();
};
on("open", (name) => { if (name === "explore") { refresh(); requestAnimationFrame(draw); if (!$("#grid").children.length) drawGrid(); } });
on("state", refresh);
on("theme", () => draw());
addEventListener("resize", () => draw());

const MARGIN = 14;
function spot({ x, y }) {
  const { width, height } = map.getBoundingClientRect();
  return [MARGIN + (x + 1) / 2 * (width - 2 * MARGIN), MARGIN + (1 - y) / 2 * (height - 2 * MARGIN)];
}
function placeAt(left, top) {
  const { width, height } = map.getBoundingClientRect();
  const clamp = (value) => Math.min(1, Math.max(-1, value));
  return { x: clamp(2 * (left - MARGIN) / (width - 2 * MARGIN) - 1), y: clamp(1 - 2 * (top - MARGIN) / (height - 2 * MARGIN)) };
}

function draw() {
  const { width, height } = map.getBoundingClientRect();
  if (!width) return;
  const ratio = devicePixelRatio || 1;
  map.width = width * ratio;
  map.height = height * ratio;
  const pen = map.getContext("2d"), style = getComputedStyle(document.documentElement);
  pen.scale(ratio, ratio);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  for (const dot of dots) {
    const [left, top] = spot(dot);
    pen.beginPath();
    pen.arc(left, top, dot.name ? 6 : 3.5, 0, 7);
    pen.fillStyle = style.getPropertyValue(dot.name ? "--accent" : "--soft");
    pen.globalAlpha = dot.name ? 1 : 0.5;
    pen.fill();
    pen.globalAlpha = 1;
    if (!dot.name) continue;
    pen.fillStyle = style.getPropertyValue("--text");
    pen.fillText(dot.name.slice(0, 20), Math.min(left + 9, width - 90), Math.max(top + 4, 14));
  }
  if (cross) {
    const [left, top] = spot(cross);
    pen.strokeStyle = "#ff7a59";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(left, top, 9, 0, 7);
    pen.moveTo(left - 14, top); pen.lineTo(left - 4, top); pen.moveTo(left + 4, top); pen.lineTo(left + 14, top);
    pen.moveTo(left, top - 14); pen.lineTo(left, top - 4); pen.moveTo(left, top + 4); pen.lineTo(left, top + 14);
    pen.stroke();
  }
}

/** The dot under the pointer; on a t-SNE map, which has nothing between dots, the nearest. */
function nearest(place) {
  const [left, top] = spot(place);
  let best = null, least = $("#map-kind").value === "pca" ? 9 : Infinity;
  for (const dot of dots) {
    const [x, y] = spot(dot), distance = Math.hypot(x - left, y - top) - (dot.name ? 2 : 0);
    if (distance < least) [best, least] = [dot, distance];
  }
  return best;
}

const look = latest(async (what) => {
  const { blob, command } = await act("place", what);
  shown = what;
  await show($("#map-picture"), blob);
  setCommand("map", command);
  $("#map-keep").disabled = Boolean(what.name);
  $("#map-what").textContent = what.name || (what.seed !== undefined ? `Seed ${what.seed}` : `${(4 * what.x).toFixed(1)} and ${(4 * what.y).toFixed(1)} standard deviations from the mean`);
});
function go(place) {
  const dot = nearest(place);
  cross = dot ?? place;
  draw();
  look(dot?.name ? { name: dot.name } : dot ? { seed: dot.seed } : place);
}
function pointed(event) {
  const box = map.getBoundingClientRect();
  go(placeAt(event.clientX - box.left, event.clientY - box.top));
}
map.onpointerdown = (event) => { map.setPointerCapture(event.pointerId); pointed(event); };
map.onpointermove = (event) => { if (event.buttons) pointed(event); };
map.onkeydown = (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (event.key === "Enter" && !$("#map-keep").disabled) $("#map-keep").click();
  if (!step) return;
  event.preventDefault();
  const { x, y } = cross ?? { x: 0, y: 0 };
  const size = event.shiftKey ? 0.2 : 0.05;
  const clamp = (value) => Math.min(1, Math.max(-1, value));
  go({ x: clamp(x + size * step[0]), y: clamp(y + size * step[1]) });
};
$("#map-keep").onclick = async () => {
  const answer = await attempt(() => act("keep", shown));
  if (answer) say(`${answer.name} is in the tray.`);
};

// Seeds.
slider($("#grid-psi"), () => drawGrid());
$("#grid-form").onsubmit = (event) => { event.preventDefault(); drawGrid(); };
const drawGrid = latest(async () => {
  const psi = Number($("#grid-psi").value);
  const answer = await act("seeds", { seeds: $("#grid-seeds").value, psi });
  $("#grid").replaceChildren(...answer.cells.map(({ seed, picture }) => {
    const add = async () => {
      const kept = await attempt(() => act("keep", { seed, psi }));
      if (kept) say(`${kept.name} is in the tray.`);
    };
    return make("button", { type: "button", title: `Put seed ${seed} into the tray`, onclick: add },
      make("img", { src: picture, alt: `Seed ${seed}` }), make("span", {}, `seed ${seed}`));
  }));
  setCommand("seeds", answer.command);
});
setCommand("map", "");
setCommand("seeds", "");
