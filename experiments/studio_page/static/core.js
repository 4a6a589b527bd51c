// What all parts of the page share: the server, the state, small helpers.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Makes an element: make("button", {type: "button"}, "Text", child...). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** What is known of the generator (hello) and of the visit (state). */
export const studio = { hello: null, state: { tray: [], jobs: [], uploads: [] }, tab: "invert" };

const listeners = {};
export function on(what, react) { (listeners[what] ??= []).push(react); }
export function tell(what, value) { for (const react of listeners[what] ?? []) react(value); }

/** A sentence for the person; errors stay until they are closed. */
export function say(text, kind = "note") {
  const box = $("#toasts");
  const close = make("button", { type: "button", "aria-label": "Close" }, "×");
  const toast = make("div", { class: `toast ${kind}` }, make("p", {}, text), close);
  close.onclick = () => toast.remove();
  while (box.children.length > 3) box.firstChild.remove();
  box.append(toast);
  if (kind !== "error") setTimeout(() => toast.remove(), 5000);
}

export class Refused extends Error {}

async function answerOf(response) {
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) {
    const command = decodeURIComponent(response.headers.get("x-command") ?? "");
    return { blob: await response.blob(), command };
  }
  const answer = await response.json();
  if (answer.ended) tell("ended");
  if (answer.error) throw new Refused(answer.error);
  return answer;
}

async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); }
  catch { throw new Refused("The studio does not answer. Is it still running?"); }
  return answerOf(response);
}

/** One of the server's actions. */
export const act = (action, values = {}) =>
  ask(`api/${action}`, { method: "POST", body: JSON.stringify(values) });

/** Sends a file. */
export const send = (kind, file) =>
  ask(`api/upload/${kind}?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });

/** Runs work that may be refused, and says why it was. */
export async function attempt(work) {
  try { return await work(); }
  catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, "error");
    return null;
  }
}

/** Calls `work` with the latest values only: one call runs, the last one waits. */
export function latest(work) {
  let isRunning = false, waiting = null;
  return async function run(...values) {
    if (isRunning) { waiting = values; return; }
    isRunning = true;
    try { await work(...values); }
    catch (error) { if (error instanceof Refused) say(error.message, "error"); else throw error; }
    finally { isRunning = false; }
    if (waiting) { const next = waiting; waiting = null; run(...next); }
  };
}

/** Shows a picture's file in an <img>, without a gap between two. */
export async function show(image, blob) {
  const url = URL.createObjectURL(blob), before = image.dataset.url;
  image.src = image.dataset.url = url;
  try { await image.decode(); } catch { /* replaced meanwhile */ }
  if (before) URL.revokeObjectURL(before);
}

export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** The line that says what command does the same. */
export function setCommand(where, text) {
  const box = $(`[data-command="${where}"]`);
  if (!box.firstChild) {
    const code = make("code", { tabindex: "0", "aria-label": "The same on the command line" });
    const copy = make("button", { type: "button" }, "Copy");
    copy.onclick = async () => {
      await copyText(code.textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    };
    box.append(code, copy);
  }
  $("code", box).textContent = text;
  $("button", box).disabled = !text;
}

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = make("textarea", {}, text);  // over plain HTTP there is no clipboard
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export const words = (name) => name.replaceAll("_", " ");

/** Connects a range input with the number beside it. */
export function slider(input, react, digits = 2) {
  const label = input.closest("label"), output = $("output", label), rest = input.value;
  const update = () => {
    output.textContent = Number(input.value).toFixed(digits);
    label.classList.toggle("moved", Number(input.value) !== Number(rest));
  };
  input.addEventListener("input", () => { update(); react(Number(input.value)); });
  input.update = update;
  update();
}

export function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

export const code = (name, kind = "code") => `api/picture/${kind}/${encodeURIComponent(name)}`;

on("hello", (hello) => { studio.hello = hello; });
