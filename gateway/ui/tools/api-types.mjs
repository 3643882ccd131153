// Writes src/api/schema.ts: the types of the gateway's API, from its OpenAPI document.
// Usage: node tools/api-types.mjs http://127.0.0.1:8080   (a running gateway)   or   node tools/api-types.mjs openapi.json
import { readFile, writeFile } from 'node:fs/promises';

const source = process.argv[2];
if (!source) throw new Error('usage: node tools/api-types.mjs URL|FILE');
const text = source.startsWith('http') ? await (await fetch(new URL('/openapi.json', source))).text() : await readFile(source, 'utf8');
const schemas = JSON.parse(text).components.schemas;

/** The TypeScript type of a JSON schema. */
function type(schema, indent) {
  if (schema === true || schema === undefined) return 'unknown';
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  for (const key of ['anyOf', 'oneOf']) if (schema[key]) return unique(schema[key].map((part) => type(part, indent))).join(' | ');
  if (schema.allOf && !schema.properties) return schema.allOf.map((part) => type(part, indent)).join(' & ');
  if (Array.isArray(schema.type)) return unique(schema.type.map((one) => type({ ...schema, type: one }, indent))).join(' | ');
  switch (schema.type) {
    case 'string': return 'string';
    case 'integer':
    case 'number': return 'number';
    case 'boolean': return 'boolean';
    case 'null': return 'null';
    case 'array': return `Array<${type(schema.items, indent)}>`;
    case 'object': return object(schema, indent);
    default: return schema.properties ? object(schema, indent) : 'unknown';
  }
}

function object(schema, indent) {
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([name, value]) => {
    const inner = `${indent}  `;
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    const says = value.description ? `${inner}/** ${value.description.replace(/\s+/g, ' ').replaceAll('*/', '')} */\n` : '';
    return `${says}${inner}${key}${required.has(name) ? '' : '?'}: ${type(value, inner)};`;
  });
  const rest = schema.additionalProperties;
  if (lines.length === 0) return `Record<string, ${rest && rest !== true ? type(rest, indent) : 'unknown'}>`;
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const unique = (list) => [...new Set(list)];

const out = ['// Written by tools/api-types.mjs from the OpenAPI document of the gateway. Do not edit.', ''];
for (const name of Object.keys(schemas).sort()) {
  const says = schemas[name].description?.split('\n')[0];
  if (says) out.push(`/** ${says.replaceAll('*/', '')} */`);
  out.push(`export type ${name} = ${type(schemas[name], '')};`, '');
}
await writeFile(new URL('../src/api/schema.ts', import.meta.url), out.join('\n'));
