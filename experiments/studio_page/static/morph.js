// Morphs: a slider along the path, shape and color apart, films.

import { $, $$, act, attempt, code, download, fill, latest, make, on, say, setCommand, show, slider, studio, tell, words } from "./core.js";

const place = $("#morph-place"), shape = $("#morph-shape"), color = $("#morph-color");
let blobShown = null, playing = 0;

const draw = latest(async (values) => {
  const { blob, command } = await act("still", values);
  blobShown = blob;
  await show($("#morph-picture"), blob);
  setCommand("still", command);
});
const redraw = () => {
  if (studio.chosen.length > 1) draw({ names: studio.chosen, shape: Number(shape.value), color: Number(color.value) });
};

slider(place, (value) => { for (const one of [shape, color]) { one.value = value; one.update(); } redraw(); });
slider(shape, redraw);
slider(color, redraw);

function open() {
  const names = studio.chosen, isReady = names.length > 1;
  $("#morph-empty").hidden = isReady;
  $("#morph-work").hidden = !isReady;
  $("#film [type=submit]").disabled = !isReady;
  if (!isReady) return stop();
  for (const input of [place, shape, color]) {
    input.max = names.length - 1;
    if (Number(input.value) > names.length - 1) input.value = names.length - 1;
    input.update();
  }
  $("#morph-order").replaceChildren(...names.flatMap((name, index) => [index ? "→" : "", make("span", { class: "badge" }, name)]).filter(Boolean));
  redraw();
  command();
}
on("open", (name) => {
  if (name !== "morph") return stop();
  if (studio.chosen.length < 2 && studio.state.tray.length > 1) {
    studio.chosen = studio.state.tray.slice(-2).map((entry) => entry.name);
    tell("ranks");
  }
  open();
});
on("chosen", open);
let before = "";
on("state", () => {
  const now = studio.chosen.join("\n");
  if (studio.tab === "morph" && now !== before) open();
  before = now;
});

// Play: there and back, as fast as the pictures come.
function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  $("#morph-play").textContent = "Play";
  $("#morph-play").setAttribute("aria-pressed", false);
}
$("#morph-play").onclick = () => {
  if (playing) return stop();
  const start = performance.now(), seconds = Number($("#film-seconds").value) || 4;
  const step = (now) => {
    const turn = ((now - start) / 1000 / seconds) % 2, share = turn < 1 ? turn : 2 - turn;
    place.value = share * (studio.chosen.length - 1);
    place.dispatchEvent(new Event("input"));
    playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
  $("#morph-play").textContent = "Pause";
  $("#morph-play").setAttribute("aria-pressed", true);
};
for (const input of [place, shape, color]) input.addEventListener("pointerdown", stop);
$("#morph-download").onclick = () => { if (blobShown) download(blobShown, `morph.${blobShown.type.split("/")[1]}`); };

// Films.
on("hello", (hello) => {
  fill($("#film-kind"), hello.films.map((kind) => [kind, kind.toUpperCase()]));
  $("#film-kind").value = hello.films.includes("mp4") ? "mp4" : hello.films[0];
  fill($("#film-easing"), hello.easings.map((name) => [name, words(name)]));
  $("#film-easing").value = "cosine";
  const titles = { together: "all together", "coarse-first": "shape first, then color", "fine-first": "color first, then shape" };
  fill($("#film-schedule"), hello.schedules.map((name) => [name, titles[name]]));
  $("#film-seconds").max = hello.limits.max_frames / 25;
  $("#film-side").max = hello.limits.max_side;
});

const wanted = () => ({
  names: studio.chosen, kind: $("#film-kind").value, side: Number($("#film-side").value),
  seconds: Number($("#film-seconds").value), easing: $("#film-easing").value,
  schedule: $("#film-schedule").value, loop: $("#film-loop").checked,
});
const command = latest(async () => {
  if (studio.chosen.length > 1) setCommand("film", (await act("film", { ...wanted(), only_command: true })).command);
});
$("#film").onchange = () => command();
$("#film").onsubmit = async (event) => {
  event.preventDefault();
  const button = $("#film [type=submit]"), note = $("#film-note");
  button.disabled = true;
  note.textContent = "Making the film…";
  const answer = await attempt(() => act("film", wanted()));
  button.disabled = false;
  note.textContent = answer ? `Done: ${Math.ceil(answer.blob.size / 1024)} KiB, saved by your browser.` : "";
  if (answer) download(answer.blob, `morph.${wanted().kind}`);
};
setCommand("still", "");
setCommand("film", "");
