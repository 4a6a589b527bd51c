// The frame of the page: tabs, theme, tray, and the news of the server.

import { $, $$, act, attempt, code, download, make, on, say, send, studio, tell } from "./core.js";
import "./invert.js";
import "./edit.js";
import "./morph.js";
import "./explore.js";
import "./generator.js";

// Theme: the system's, until another is chosen.
const theme = $("#theme");
function setTheme(isDark) {
  document.documentElement.classList.toggle("dark", isDark);
  theme.textContent = isDark ? "Light" : "Dark";
  tell("theme");
}
const stored = localStorage.getItem("theme");
setTheme(stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
theme.onclick = () => {
  const isDark = !document.documentElement.classList.contains("dark");
  localStorage.setItem("theme", isDark ? "dark" : "light");
  setTheme(isDark);
};

// Tabs.
const tabs = $$("[role=tab]");
export function open(name) {
  studio.tab = name;
  for (const tab of tabs) {
    const isOpen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", isOpen);
    tab.tabIndex = isOpen ? 0 : -1;
    $(`#${tab.getAttribute("aria-controls")}`).hidden = !isOpen;
  }
  drawTray();
  tell("open", name);
}
tabs.forEach((tab, index) => {
  tab.onclick = () => open(tab.getAttribute("aria-controls"));
  tab.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  };
});
$("#chip").onclick = () => open("generator");
on("go", open);

// The tray.
studio.chosen = [];  // names, in the order in which they were chosen
function drawTray() {
  const { tray, others } = studio.state;
  const names = tray.map((entry) => entry.name);
  studio.chosen = studio.chosen.filter((name) => names.includes(name));
  $("#tray-count").textContent = names.length ? `(${names.length})` : "";
  $("#tray-save").disabled = !names.length;
  const hints = {
    edit: "Click the picture to edit.",
    morph: "Click pictures in the order of the morph.",
  };
  const elsewhere = others ? ` ${others} of other generators are kept.` : "";
  $("#tray-hint").textContent = (names.length ? hints[studio.tab] ?? "" : "Empty: what you find comes here.") + elsewhere;
  const strip = $("#tray"), focused = document.activeElement?.closest?.(".card")?.dataset.name;
  const old = new Map([...strip.children].map((card) => [card.dataset.key, card]));
  strip.replaceChildren(...tray.map((entry) => old.get(key(entry)) ?? makeCard(entry)));
  for (const card of strip.children) mark(card);
  if (focused && !strip.contains(document.activeElement)) $(`.card[data-name="${CSS.escape(focused)}"] .pick`)?.focus();
}
const key = (entry) => JSON.stringify([entry.name, entry.verdict]);

function makeCard(entry) {
  const about = [entry.name, entry.verdict && `${entry.verdict} reconstruction`, describe(entry.measures)];
  const pick = make("button", { type: "button", class: "pick", title: about.filter(Boolean).join(", ") },
    make("img", { src: code(entry.name), alt: entry.name }));
  const name = make("button", { type: "button", class: "name", title: "Rename" }, entry.name);
  const remove = make("button", { type: "button", class: "drop-it", "aria-label": `Remove ${entry.name}` }, "×");
  const card = make("div", { class: "card", role: "listitem", "data-name": entry.name, "data-key": key(entry) },
    pick, name, remove, make("span", { class: "rank", hidden: "" }));
  if (entry.verdict) card.append(make("span", { class: `mark ${entry.verdict}`, title: entry.verdict }));
  pick.onclick = () => { choose(entry.name); };
  name.onclick = () => rename(entry.name);
  remove.onclick = () => attempt(() => act("remove", { name: entry.name }));
  return card;
}

function mark(card) {
  const rank = studio.chosen.indexOf(card.dataset.name), isMorph = studio.tab === "morph";
  const isPressed = isMorph ? rank >= 0 : card.dataset.name === studio.editing && studio.tab === "edit";
  $(".pick", card).setAttribute("aria-pressed", isPressed);
  $(".rank", card).hidden = !isMorph || rank < 0;
  $(".rank", card).textContent = rank + 1;
}

function choose(name) {
  if (studio.tab === "morph") {
    const isIn = studio.chosen.includes(name);
    studio.chosen = isIn ? studio.chosen.filter((other) => other !== name) : [...studio.chosen, name];
    tell("chosen");
  } else {
    studio.editing = name;
    if (studio.tab !== "edit") open("edit");
    tell("editing", name);
  }
  drawTray();
}
on("choose", choose);
on("ranks", drawTray);
on("editing", drawTray);

async function rename(name) {
  const to = prompt("A new name", name)?.trim();
  if (!to || to === name) return;
  const answer = await attempt(() => act("rename", { name, to }));
  if (!answer) return;
  studio.chosen = studio.chosen.map((other) => (other === name ? answer.name : other));
  if (studio.editing === name) { studio.editing = answer.name; tell("editing", answer.name); }
}

export const describe = (measures) => [
  measures.psnr !== undefined && `PSNR ${measures.psnr.toFixed(1)} dB`,
  measures.lpips !== undefined && `LPIPS ${measures.lpips.toFixed(4)}`,
].filter(Boolean).join(", ");

$("#tray-save").onclick = () => attempt(async () => download((await act("save")).blob, "codes.zip"));
$("#tray-load").onchange = async (event) => {
  for (const file of event.target.files) {
    await attempt(async () => {
      const answer = await send("codes", file);
      say(`Loaded ${answer.names.length} from ${file.name}.`);
      for (const problem of answer.problems) say(problem, "error");
    });
  }
  event.target.value = "";
};

// News.
let hasEnded = false;
on("ended", () => {
  if (hasEnded) return;
  hasEnded = true;
  say("This visit has ended, and its pictures are gone. Reload the page to begin another.", "error");
});
async function listen() {
  let since = "";
  while (!hasEnded) {
    try {
      const response = await fetch(`api/news?since=${since}`);
      const state = await response.json();
      if (state.error) { if (state.ended) tell("ended"); throw new Error(state.error); }
      since = state.version;
      studio.state = state;
      drawTray();
      tell("state", state);
    } catch { await new Promise((resolve) => setTimeout(resolve, 1500)); }
  }
}
addEventListener("pagehide", () => navigator.sendBeacon("api/leave"));
$("#end").onclick = async () => {
  if (!confirm("End the visit? Its pictures and codes are deleted.")) return;
  await attempt(() => act("end"));
  location.reload();
};

on("hello", (hello) => {
  const { name, family, resolution } = hello.generator;
  $("#chip").textContent = `${name} · ${family} · ${resolution} px`;
});
attempt(async () => { tell("hello", await act("hello")); listen(); });
