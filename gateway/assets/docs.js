// Draws the reference from /openapi.json. Text is only ever set as text, never as HTML.
"use strict";

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

let api;
const follow = (schema) => {
  let at = schema ?? {};
  while (at.$ref) at = at.$ref.split("/").slice(1).reduce((node, key) => node[key], api);
  return at;
};

/** A schema without its null, and whether it had one. */
const bare = (schema) => {
  if (schema?.anyOf) return [schema.anyOf.find((one) => one.type !== "null"), true];
  if (Array.isArray(schema?.type)) return [{ ...schema, type: schema.type[0] }, true];
  return [schema ?? {}, false];
};

const typeName = (schema) => {
  const [one, nullable] = bare(schema);
  const name = (() => {
    if (one.$ref?.endsWith("/Money")) return "money";
    if (one.$ref) return one.$ref.split("/").pop();
    if (one.type === "array") return `list of ${typeName(one.items)}`;
    if (one.format === "date-time") return "time";
    if (one.format === "uuid") return "id";
    if (one.type === "string") return "text";
    return one.type ?? "anything";
  })();
  return nullable ? `${name} or null` : name;
};

const rules = (schema) => {
  const [one] = bare(schema);
  const said = [];
  if (one.enum) said.push(one.enum.filter((word) => word !== null).join(" · "));
  if (one.minLength || (one.maxLength && one.maxLength !== 300)) said.push(`${one.minLength ?? 0} to ${one.maxLength ?? "any"} characters`);
  if (one.minimum !== undefined || one.maximum !== undefined) said.push(`${one.minimum ?? "…"} to ${one.maximum ?? "…"}`);
  if (one.pattern && !one.$ref) said.push(one.pattern);
  if (one.minItems || (one.maxItems && one.maxItems !== 1000)) said.push(`${one.minItems ?? 0} to ${one.maxItems ?? "any"} items`);
  if (one.default !== undefined) said.push(`default ${one.default}`);
  return said.join("; ");
};

const row = (name, schema, must, description, depth = 0) =>
  el("tr", {},
    el("td", {}, el("code", { class: depth ? "deep" : "" }, "\u00a0".repeat(depth * 3) + name), must ? el("span", { class: "must", title: "required" }, " *") : null),
    el("td", { class: "type" }, typeName(schema)),
    el("td", {}, [description ?? schema?.description ?? "", rules(schema)].filter(Boolean).join(" — ")));

const fields = (schema, depth = 0, open = new Set()) => {
  const [one] = bare(schema);
  const object = follow(one.type === "array" ? bare(one.items)[0] : one);
  if (!object.properties || open.has(object)) return [];
  const inside = new Set(open).add(object);
  return Object.entries(object.properties).flatMap(([name, property]) => [
    row(name, property, object.required?.includes(name) && object.additionalProperties === false, undefined, depth),
    ...fields(property, depth + 1, inside),
  ]);
};

const example = (schema, depth = 0) => {
  const [one, nullable] = bare(schema);
  if (nullable && depth > 0) return null;
  if (one.$ref?.endsWith("/Money")) return "97.43";
  const at = follow(one);
  if (at.enum) return at.enum[0];
  if (at.type === "array") return depth > 2 ? [] : [example(at.items, depth + 1)];
  if (at.type === "integer") return at.minimum ?? 1;
  if (at.type === "boolean") return true;
  if (at.properties) {
    const names = Object.keys(at.properties);
    const wanted = at.required ?? names.slice(0, 2);
    return Object.fromEntries(wanted.map((name) => [name, example(at.properties[name], depth + 1)]));
  }
  if (at.format === "email") return "ada@example.com";
  if (at.format === "date-time") return "2026-11-21T14:05:00Z";
  if (at.pattern?.includes("{4}-")) return "2026-11-21";
  if (at.pattern?.includes("[0-9]")) return "1";
  return "…";
};

const curl = (method, path, operation) => {
  const url = path.replace(/\{(\w+)\}/g, (_, name) => (name === "service" ? operation.parameters.find((p) => p.name === name).schema.enum[0] : "…"));
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}'${location.origin}${url}'`];
  if (operation.security.length) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (operation.parameters?.some((p) => p.name === "Idempotency-Key")) lines.push(`-H "Idempotency-Key: $(uuidgen)"`);
  const body = operation.requestBody?.content["application/json"].schema;
  if (body) lines.push(`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example(body))}'`);
  return lines.join(" \\\n  ");
};

const table = (title, rows) => (rows.length ? [el("h4", {}, title), el("table", {}, el("tbody", {}, ...rows))] : []);

const answers = (operation) =>
  Object.entries(operation.responses).map(([status, response]) => {
    const at = follow(response);
    const [kind, content] = Object.entries(at.content ?? {})[0] ?? [];
    const what = kind === "application/json" ? typeName(content.schema) : kind === "application/problem+json" ? "problem" : kind ?? "nothing";
    return el("tr", {}, el("td", {}, el("code", {}, status)), el("td", { class: "type" }, what), el("td", {}, at.description));
  });

const draw = (operation, method, path) => {
  const details = el("details", { class: "operation", id: operation.operationId },
    el("summary", {},
      el("span", { class: `verb ${method}` }, method), el("span", { class: "path" }, path),
      el("span", { class: "what" }, operation.summary), el("span", { class: "badge", title: "permission" }, operation["x-permission"])));
  // The inside is drawn when it is first looked at.
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const body = operation.requestBody?.content["application/json"].schema;
    const done = Object.entries(operation.responses).find(([status]) => status < "300");
    const answer = done && follow(done[1]).content?.["application/json"]?.schema;
    details.append(el("div", { class: "inside" },
      operation.description ? el("p", {}, operation.description) : null,
      operation["x-rpc"] ? el("p", { class: "quiet" }, "gRPC: ", el("code", {}, operation["x-rpc"])) : null,
      ...table("Parameters", (operation.parameters ?? []).map((p) => row(p.name, p.schema, p.required, [`(${p.in})`, p.description].filter(Boolean).join(" ")))),
      ...table("Body", body ? fields(body) : []),
      ...table("Answer", answer ? fields(answer) : []),
      ...table("Answers", answers(operation)),
      el("h4", {}, "Try it"), el("pre", {}, el("code", {}, curl(method, path, operation)))));
  });
  return details;
};

const words = (operation, method, path) => {
  const names = (schema, depth = 0) => {
    const [one] = bare(schema);
    const at = follow(one.type === "array" ? bare(one.items)[0] : one);
    return depth > 3 ? [] : Object.entries(at.properties ?? {}).flatMap(([name, inner]) => [name, ...names(inner, depth + 1)]);
  };
  const body = operation.requestBody?.content["application/json"].schema;
  return [method, path, operation.operationId, operation.description, operation.summary, operation["x-permission"], operation["x-rpc"],
    ...(operation.parameters ?? []).map((p) => p.name), ...(body ? names(body) : [])].join(" ").toLowerCase();
};

const start = async () => {
  api = await (await fetch("/openapi.json")).json();
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method: verb.toUpperCase(), operation });
    }
  }
  const reference = document.getElementById("reference");
  const contents = document.getElementById("contents");
  const intro = el("div", {}, el("h1", {}, `${api.info.title} ${api.info.version}`),
    ...api.info.description.split("\n").map((line) => el("p", { class: line.startsWith("*") ? "deep" : "" }, line.replace(/^\* /, "• ").replaceAll("`", ""))));
  const nothing = el("p", { class: "quiet", hidden: "" }, "Nothing matches.");
  reference.replaceChildren(intro, nothing);
  const drawn = [];
  for (const [tag, operations] of [...groups].sort(([one], [two]) => one.localeCompare(two))) {
    const section = el("section", {}, el("h2", {}, tag));
    const list = el("div", {}, el("h2", {}, tag));
    for (const { path, method, operation } of operations) {
      const node = draw(operation, method, path);
      const link = el("a", { href: `#${operation.operationId}`, title: operation.summary }, el("span", { class: `verb ${method}` }, `${method} `), path.replace("/v1", ""));
      section.append(node);
      list.append(link);
      drawn.push({ node, link, section, list, text: words(operation, method, path) });
    }
    reference.append(section);
    contents.append(list);
  }
  const search = document.getElementById("search");
  const filter = () => {
    const sought = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    for (const { node, link, section, text } of drawn) {
      const fits = sought.every((word) => text.includes(word));
      node.hidden = link.hidden = !fits;
      if (fits) shown.add(section);
    }
    for (const { section, list } of drawn) section.hidden = list.hidden = !shown.has(section);
    intro.hidden = sought.length > 0;
    nothing.hidden = shown.size > 0;
  };
  search.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  const open = () => {
    const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (node?.tagName === "DETAILS") {
      node.open = true;
      node.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
};

start().catch((error) => {
  document.getElementById("reference").replaceChildren(el("p", { class: "must" }, `The reference could not be read: ${error.message}`));
});
