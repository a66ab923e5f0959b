// Where a text can be put into a request: every field, parameter and path that the served document tells of.

import { NOBODY, call, expect, operations, places as pathsOf } from '../lib.mjs';

/// Deeper objects are not looked into.
const DEPTH_MAX = 4;
/// A barcode may have as many digits as a short card number, so in these only longer ones are refused.
const BARCODES = new Set(['ProductBody.sku', 'ProductBody.barcode', 'ProductPatch.sku', 'ProductPatch.barcode']);
const BARCODE_PARAMETERS = new Set(['q', 'barcode']);

/// All places: what they are called, whether a barcode may stand there, and the request with a text in that place.
export async function places() {
  const document = expect(await call('GET', '/openapi.json'), 200);
  const known = new Map((await operations()).map((one) => [`${one.method} ${one.path}`, one]));
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) => {
      const one = known.get(`${method.toUpperCase()} ${path}`);
      return one ? [...inBody(document, one, operation), ...inParameters(one)] : [];
    }),
  );
}

function inBody(document, operation, { requestBody }) {
  const schema = requestBody?.content['application/json']?.schema;
  if (!schema) return [];
  const [path] = pathsOf(operation).map(filled);
  return texts(document, schema, '', 0).map(({ steps, isText, isBarcode }) => ({
    name: `${operation.method} ${operation.path} ${steps.join('.')}`,
    method: operation.method,
    field: steps.filter((step) => step !== 0).at(-1),
    isText,
    isBarcode,
    request: (text) => ({ path, body: holding(document, schema, steps, text) }),
  }));
}

function inParameters({ method, path, parameters, hasBody }) {
  const body = hasBody ? {} : undefined;
  // A word of the path that is not of its list belongs to no route at all.
  const isOpen = (one) => one.in === 'query' || (one.in === 'path' && !one.schema.enum);
  const texts = parameters.filter((one) => isOpen(one) && one.schema.type === 'string');
  return texts.map((parameter) => ({
    name: `${method} ${path} ${parameter.in} ${parameter.name}`,
    method,
    field: parameter.name,
    isText: parameter.in === 'query' && isText(parameter.schema),
    isBarcode: path === '/v1/products' && BARCODE_PARAMETERS.has(parameter.name),
    request: (text) => {
      const encoded = encodeURIComponent(text);
      if (parameter.in === 'path') return { path: filled(path.replace(`{${parameter.name}}`, encoded)), body };
      const [place] = pathsOf({ path, parameters }).map(filled);
      return { path: `${place}?${parameter.name}=${encoded}`, body };
    },
  }));
}

/// The ways to all texts of a schema; a step is a name, or 0 for the first of a list.
function texts(document, schema, owner, depth) {
  const { name, resolved } = resolve(document, schema);
  if (resolved.type === 'array') {
    return texts(document, resolved.items, owner, depth + 1).map((one) => ({ ...one, steps: [0, ...one.steps] }));
  }
  if (resolved.properties && depth < DEPTH_MAX) {
    return Object.entries(resolved.properties).flatMap(([key, property]) =>
      texts(document, property, `${name}.${key}`, depth + 1).map((one) => ({ ...one, steps: [key, ...one.steps] })),
    );
  }
  // What is in base64 is no text; the journey sends files by itself.
  if (![resolved.type].flat().includes('string') || resolved.contentEncoding) return [];
  return [{ steps: [], isText: isText(resolved), isBarcode: BARCODES.has(owner) }];
}

/// Whether any text is well formed: dates, amounts and words of a list are refused for their form already.
function isText(schema) {
  return !schema.enum && !schema.format && !schema.pattern;
}

/// A body with the text in its place and sensible values where something is required.
function holding(document, schema, [step, ...rest], text) {
  if (step === undefined) return text;
  const { resolved } = resolve(document, schema);
  if (step === 0) return [holding(document, resolved.items, rest, text)];
  return { ...sensible(document, schema), [step]: holding(document, resolved.properties[step], rest, text) };
}

function sensible(document, schema, depth = 0) {
  const { resolved } = resolve(document, schema);
  const type = [resolved.type].flat()[0];
  if (resolved.enum) return resolved.enum[0];
  if (type === 'object' || resolved.properties) {
    const required = depth < DEPTH_MAX ? (resolved.required ?? []) : [];
    return Object.fromEntries(
      required.map((key) => [key, sensible(document, resolved.properties[key], depth + 1)]),
    );
  }
  if (type === 'array') return resolved.minItems ? [sensible(document, resolved.items, depth + 1)] : [];
  if (type === 'boolean') return false;
  if (type === 'integer' || type === 'number') return resolved.minimum ?? 1;
  return sensibleText(resolved);
}

function sensibleText({ format, pattern, minLength = 1 }) {
  if (format === 'email') return 'robin@demo.test';
  if (format === 'date-time') return '2026-01-01T00:00:00Z';
  if (format === 'uuid') return NOBODY;
  const samples = ['2026-01-01', '2029-01', '1.00', '1', '1234', 'US', 'word', NOBODY];
  const sample = pattern && samples.find((one) => new RegExp(pattern).test(one));
  return sample ?? 'Reeds'.padEnd(minLength, '.');
}

function resolve(document, schema) {
  const chosen = schema.anyOf?.find((one) => one.type !== 'null') ?? schema;
  if (!chosen.$ref) return { name: '', resolved: chosen };
  const name = chosen.$ref.split('/').at(-1);
  return { name, resolved: document.components.schemas[name] };
}

/// A path without variables: nothing has the ids that stand in it.
function filled(path) {
  return path.replaceAll(/\{[^}]+\}/g, NOBODY);
}
