// Pictures in, their inversions as they go.

import { $, act, attempt, code, fill, make, on, say, send, setCommand, studio, tell } from "./core.js";

const NAMES = {
  waiting: "Waiting for its turn", preparing: "Preparing the program for this method; that is done once",
  running: "Being found", stopped: "Stopped", finishing: "Measuring", done: "Found", failed: "Failed",
};

const drop = $("#drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => { event.preventDefault(); takeIn(event.dataTransfer.files); });
addEventListener("paste", (event) => { if (event.clipboardData.files.length) takeIn(event.clipboardData.files); });
$("#pick").onchange = async (event) => { await takeIn(event.target.files); event.target.value = ""; };

async function takeIn(files) {
  tell("go", "invert");
  for (const file of [...files]) {
    const answer = await attempt(() => send("picture", file));
    if (answer && $("#align").value) await alignThem([answer.upload]);
  }
}

async function alignThem(uploads) {
  const answer = await attempt(() => act("align", { uploads, align: $("#align").value }));
  for (const problem of answer?.problems ?? []) say(problem, "error");
}
$("#align").onchange = () => alignThem(pending().map((upload) => upload.id));

$("#from-seed").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => act("seed", { seed: Number($("#seed").value) }));
};

on("hello", (hello) => {
  fill($("#preset"), hello.presets.map((preset) => [preset.name, preset.name]));
  fill($("#space"), [["", "the preset's"], ...hello.spaces.map((space) => [space, space.toUpperCase()])]);
  const titles = { center: "centered square", ffhq: "as FFHQ (faces)", vggface: "as VGGFace2", demo: "as the demo's faces" };
  fill($("#align"), [["", "not: it is aligned"], ...hello.alignments.map((name) => [name, titles[name] ?? name])]);
  $("#preset").value = "default";
  $("#preset").onchange();
  $("#examples").hidden = !hello.examples.length;
  $("#examples .examples").replaceChildren(...hello.examples.map((name) =>
    make("button", { type: "button", title: `Take ${name}`, onclick: () => attempt(() => act("example", { name })) },
      make("img", { src: code(name, "example"), alt: name }))));
});
$("#preset").onchange = () => {
  const preset = studio.hello.presets.find((one) => one.name === $("#preset").value);
  $("#preset-source").textContent = `${preset.steps} ${preset.steps === 1 ? "step" : "steps"} in ${preset.space.toUpperCase()}`;
  $("#preset-source").title = preset.source;
  $("#steps").placeholder = `${preset.steps}`;
};

/** The pictures that Invert would take: those without a result or work under way. */
function pending() {
  const busy = new Set(studio.state.jobs.filter((job) => job.status !== "failed").map((job) => job.upload));
  return studio.state.uploads.filter((upload) => !busy.has(upload.id));
}

$("#go").onclick = () => invertThem(pending().map((upload) => upload.id));
async function invertThem(uploads) {
  const steps = $("#steps").value ? Number($("#steps").value) : null;
  const values = { uploads, preset: $("#preset").value, space: $("#space").value, steps };
  const answer = await attempt(() => act("invert", values));
  if (answer) setCommand("invert", answer.command);
}

// The cards: one of each upload, changed in place so that nothing jumps.
const cards = new Map();
on("state", (state) => {
  const jobs = new Map(state.jobs.map((job) => [job.upload, job]));
  const ids = new Set(state.uploads.map((upload) => upload.id));
  for (const [id, card] of cards) if (!ids.has(id)) { card.remove(); cards.delete(id); }
  for (const upload of state.uploads) {
    if (!cards.has(upload.id)) { cards.set(upload.id, makeCard(upload)); $("#jobs").prepend(cards.get(upload.id)); }
    update(cards.get(upload.id), upload, jobs.get(upload.id));
  }
  $("#jobs-empty").hidden = ids.size > 0;
  const waiting = pending().length;
  $("#go").disabled = !waiting;
  $("#go").textContent = waiting > 1 ? `Invert ${waiting} pictures` : "Invert";
});

function makeCard(upload) {
  const act_ = (name, text) => make("button", { type: "button", "data-do": name }, text);
  const card = make("article", { class: "job", "data-upload": upload.id },
    make("div", { class: "job-head" }, make("strong", { title: upload.name }, upload.name), make("span", { class: "badge" })),
    make("div", { class: "pair" },
      make("figure", {}, make("div", { class: "frame of" }, make("img", { alt: `${upload.name}, as it is` })), make("figcaption", {}, "Picture")),
      make("figure", {}, make("div", { class: "frame found" }, make("img", { alt: `${upload.name}, as it is found` })), make("figcaption", {}, "Found"))),
    make("div", { class: "bar", role: "progressbar", "aria-label": "Progress" }, make("i")),
    make("p", { class: "sentence", role: "status" }),
    make("div", { class: "buttons" }, act_("invert", "Invert"), act_("stop", "Stop"), act_("go", "Go on"),
      act_("settle", "Take it as it is"), act_("edit", "Edit"), act_("again", "Invert again"), act_("discard", "Remove")));
  card.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) press(button.dataset.do, upload.id);
  });
  return card;
}

function press(what, id) {
  const job = studio.state.jobs.find((one) => one.upload === id);
  if (what === "invert" || what === "again") invertThem([id]);
  else if (what === "discard") attempt(() => act("discard", { upload: id }));
  else if (what === "edit") tell("choose-edit", job.entry);
  else attempt(() => act("job", { job: job.id, do: what }));
}
on("choose-edit", (name) => { tell("go", "edit"); tell("choose", name); });

function update(card, upload, job) {
  const status = job?.status ?? "";
  card.classList.toggle("failed", status === "failed");
  drawCrop($(".of", card), upload);
  const found = $(".found img", card), stamp = job?.previews ? `${job.id}-${job.previews}` : "";
  if (stamp && found.dataset.stamp !== stamp) { found.dataset.stamp = stamp; swap(found, `${code(job.id, "job")}?v=${job.previews}`); }
  if (!stamp) { found.removeAttribute("src"); found.dataset.stamp = ""; }
  const badge = $(".badge", card);
  badge.className = `badge ${job?.verdict ?? ""}`;
  badge.textContent = job?.verdict || { "": upload.problem ? "no face" : "ready", done: "found" }[status] || status;
  const bar = $(".bar", card), isBusy = ["preparing", "finishing"].includes(status);
  bar.classList.toggle("busy", isBusy);
  const share = job?.steps ? job.step / job.steps : 0;
  $("i", bar).style.width = isBusy ? "" : `${100 * (status === "done" ? 1 : share)}%`;
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  $(".sentence", card).textContent = sentence(upload, job);
  const shown = {
    "": ["invert", "discard"], failed: ["invert", "discard"], done: ["edit", "again", "discard"],
    stopped: ["go", ...(job?.step ? ["settle"] : []), "discard"], finishing: [],
  }[status] ?? ["stop", "discard"];
  for (const button of card.querySelectorAll("[data-do]")) button.hidden = !shown.includes(button.dataset.do);
}

async function swap(image, url) {
  const next = new Image();
  next.src = url;
  try { await next.decode(); image.src = url; } catch { /* a newer one follows */ }
}

function sentence(upload, job) {
  if (!job) return upload.problem || (upload.align ? `Aligned: the crop is outlined.` : `${upload.size[0]}×${upload.size[1]} pixels; the outlined square is inverted.`);
  if (job.status === "failed") return job.sentence;
  const parts = [NAMES[job.status]];
  if (job.steps && job.status !== "done") parts.push(`${job.step} of ${job.steps} steps`);
  if (job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
  if (job.visitors > 1) parts.push(`shared with ${job.visitors - 1} other visitor${job.visitors > 2 ? "s" : ""}`);
  if (job.measures.psnr !== undefined) parts.push(`PSNR ${job.measures.psnr.toFixed(1)} dB`);
  if (job.measures.lpips !== undefined) parts.push(`LPIPS ${job.measures.lpips.toFixed(4)}`);
  if (job.status === "done") parts.push(job.verdict ? `a ${job.verdict} reconstruction` : "verdict follows when the studio has measured what this generator can reach");
  return [parts.join(" · "), job.sentence].filter(Boolean).join(". ");
}

const duration = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** The photograph with the area that is inverted outlined; the target where they are one. */
function drawCrop(frame, upload) {
  const [width, height] = upload.size, stamp = JSON.stringify([upload.align, upload.quad]);
  if (frame.dataset.stamp === stamp) return;
  frame.dataset.stamp = stamp;
  $("img", frame).src = code(upload.id, "photograph");
  $("svg", frame)?.remove();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const side = Math.max(width, height);
  svg.setAttribute("viewBox", `${(width - side) / 2} ${(height - side) / 2} ${side} ${side}`);
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  shape.setAttribute("points", upload.quad.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" "));
  shape.setAttribute("fill", "none");
  shape.setAttribute("stroke", "#ff7a59");
  shape.setAttribute("stroke-width", side / 60);
  svg.append(shape);
  if (upload.align || width !== height) frame.append(svg);
}

setCommand("invert", "");
