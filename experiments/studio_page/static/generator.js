// Which generator, and what it is.

import { $, act, attempt, make, on, setCommand, studio, tell } from "./core.js";

async function take(name) {
  const note = $("#generator-note");
  note.textContent = `Loading ${name}…`;
  const hello = await attempt(() => act("generator", { name }));
  note.textContent = "";
  tell("hello", hello ?? studio.hello);
}

on("hello", (hello) => {
  $("#generators").replaceChildren(...hello.generators.map((name) => {
    const input = make("input", { type: "radio", name: "generator", value: name });
    input.checked = name === hello.generator.name;
    input.onchange = () => take(name);
    return make("label", {}, input, name === "demo" ? "demo: drawn faces, comes with the package" : name);
  }));
  $("#generator-add").hidden = !hello.can_add;
  const about = hello.generator;
  const facts = {
    Name: about.name, Family: about.family, Resolution: `${about.resolution} × ${about.resolution} pixels`,
    "Rows of w": `${about.rows} of ${about.width} numbers`, Classes: about.classes || "none",
    "Named directions": about.directions || "none", License: about.license, "Made from": about.source || "not known",
    "SHA-256": about.sha256,
  };
  $("#facts").replaceChildren(...Object.entries(facts).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, `${text}`)]));
  setCommand("generator", about.is_demo ? "python -m experiments.studio" : `python -m experiments.studio --generator=${about.name}`);
});
$("#generator-add").onsubmit = (event) => {
  event.preventDefault();
  const name = $("#generator-path").value.trim();
  if (name) take(name);
};
