// Sliders: the picture follows them; the last value wins.

import { $, $$, act, attempt, code, download, fill, latest, make, on, say, send, setCommand, show, slider, studio, tell, words } from "./core.js";

const TITLES = { named: "Attributes", imported: "Imported", pca: "Principal directions (PCA)", sefa: "SeFa directions" };
const strengths = {};
let rows = "";

function setting() {
  const moved = Object.fromEntries(Object.entries(strengths).filter(([, value]) => value));
  return { name: studio.editing, strengths: moved, rows, psi: Number($("#edit-psi").value) };
}

const draw = latest(async (values) => {
  const { blob, command } = await act("edit", values);
  await show($("#edit-after"), blob);
  setCommand("edit", command);
  tell("edited");
});
const redraw = () => { if (studio.editing) draw(setting()); };

function open() {
  const entry = studio.state.tray.find((one) => one.name === studio.editing) ?? studio.state.tray.at(-1);
  $("#edit-empty").hidden = Boolean(entry);
  $("#edit-work").hidden = !entry;
  if (!entry) { studio.editing = undefined; return; }
  if (studio.editing !== entry.name) { studio.editing = entry.name; tell("editing", entry.name); return; }
  const note = entry.has_target ? "Before: what the code shows unedited." : "";
  $("#edit-note").textContent = note;
  $("#edit-paste").disabled = !entry.has_frame;
  $("#edit-paste").title = entry.has_frame ? "" : "Choose an alignment when you invert, and it can be pasted back";
}
on("open", (name) => { if (name === "edit") { open(); redraw(); } });
on("state", () => { if (studio.tab === "edit") open(); });
on("editing", (name) => {
  $("#edit-before").src = code(name);
  open();
  redraw();
});

on("hello", (hello) => {
  const count = hello.generator.rows, numbers = [...Array(count).keys()].map((row) => [`${row}`, `${row}`]);
  fill($("#row-first"), numbers);
  fill($("#row-last"), numbers);
  $("#row-last").value = `${count - 1}`;
  rows = "";
  for (const name of Object.keys(strengths)) delete strengths[name];
  drawSliders(hello.directions);
});

for (const select of $$("#row-first, #row-last")) {
  select.onchange = () => {
    const first = Number($("#row-first").value), last = Number($("#row-last").value);
    if (first > last) $(select.id === "row-first" ? "#row-last" : "#row-first").value = select.value;
    const ends = [Number($("#row-first").value), Number($("#row-last").value)];
    const isAll = ends[0] === 0 && ends[1] === studio.hello.generator.rows - 1;
    rows = isAll ? "" : `${ends[0]}-${ends[1]}`;
    redraw();
  };
}
slider($("#edit-psi"), redraw);

function drawSliders(directions) {
  const groups = Map.groupBy ? Map.groupBy(directions, (one) => one.group) : group(directions);
  $("#sliders").replaceChildren(...[...groups].map(([name, members]) =>
    make("details", name === "named" || name === "imported" || groups.size === 2 ? { open: "" } : {},
      make("summary", {}, TITLES[name]), ...members.map(makeSlider))));
}
function group(directions) {
  const groups = new Map();
  for (const one of directions) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}

function makeSlider({ name, reach }) {
  const input = make("input", { type: "range", min: -reach, max: reach, step: 0.05, value: 0, "data-direction": name, "aria-label": words(name) });
  const title = name.replace(/^(pca|sefa):(\d+)$/, (_, kind, number) => `${kind === "pca" ? "PCA" : "SeFa"} ${Number(number) + 1}`);
  const label = make("label", { class: "slider", title: "Double click: back to 0" }, make("span", {}, words(title)), input, make("output"));
  slider(input, (value) => { strengths[name] = value; redraw(); });
  if (strengths[name]) { input.value = strengths[name]; input.update(); }
  input.ondblclick = () => { input.value = 0; input.dispatchEvent(new Event("input")); };
  return label;
}

$("#edit-find").oninput = (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const details of $$("#sliders details")) {
    let isAny = false;
    for (const label of $$("label", details)) {
      label.hidden = !label.textContent.toLowerCase().includes(wanted);
      isAny ||= !label.hidden;
    }
    details.hidden = !isAny;
    if (wanted && isAny) details.open = true;
  }
};

$("#edit-reset").onclick = () => {
  for (const input of $$("#sliders input[type=range]")) { input.value = 0; input.update(); }
  for (const name of Object.keys(strengths)) strengths[name] = 0;
  $("#edit-psi").value = 1;
  $("#edit-psi").update();
  $("#row-first").value = "0";
  $("#row-last").value = `${studio.hello.generator.rows - 1}`;
  rows = "";
  redraw();
};

const hold = $("#edit-hold");
let kept = "";
function compare(isHeld) {
  const after = $("#edit-after");
  if (isHeld && !kept) { kept = after.src; after.src = $("#edit-before").src; }
  if (!isHeld && kept) { after.src = kept; kept = ""; }
  hold.setAttribute("aria-pressed", isHeld);
}
hold.onpointerdown = () => compare(true);
for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) hold.addEventListener(name, () => compare(false));
hold.onkeydown = (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); compare(true); } };
hold.onkeyup = () => compare(false);

$("#edit-keep").onclick = async () => {
  const answer = await attempt(() => act("keep", setting()));
  if (answer) say(`${answer.name} is in the tray.`);
};
$("#edit-download").onclick = () => attempt(async () => {
  const { blob } = await act("edit", setting());
  download(blob, `${studio.editing}_edited.${blob.type.split("/")[1]}`);
});
$("#edit-paste").onclick = () => attempt(async () => {
  $("#edit-note").textContent = "Pasting back…";
  try {
    const { blob, command } = await act("edit", { ...setting(), paste: true });
    setCommand("edit", command);
    download(blob, `${studio.editing}_pasted.${blob.type.split("/")[1]}`);
    await show($("#edit-after"), blob);
  } finally { $("#edit-note").textContent = ""; }
});

$("#import").onchange = async (event) => {
  const file = event.target.files[0];
  const answer = file && await attempt(() => send("directions", file));
  event.target.value = "";
  if (!answer) return;
  studio.hello.directions = answer.directions;
  drawSliders(answer.directions);
  say(`Imported ${answer.names.map(words).join(", ")}.`);
};
setCommand("edit", "");
