// Bundles src to a folder: hashed scripts and styles, the shell, and their compressed variants. Prints the sizes and
// fails where a budget is exceeded. Usage: node tools/bundle.mjs FOLDER
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

/** Bytes, gzipped: what the first screen loads, and everything that is there to load: both applications and the web component. */
const FIRST_SCREEN_BUDGET = 40_000;
const TOTAL_BUDGET = 90_000;
/** The web component that other pages load. */
const EMBED_BUDGET = 3_000;

const root = fileURLToPath(new URL('..', import.meta.url));

/** What esbuild is asked for; the development server adds to it. */
export const options = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryPoints: { main: 'src/main.tsx', theme: 'src/theme.ts', style: 'src/styles/index.css', icon: 'src/icon.svg' },
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  outdir: '/ui',
  write: false,
  metafile: true,
  legalComments: 'none',
  charset: 'utf8',
  loader: { '.svg': 'copy' },
  logLevel: 'warning',
};

/** The web component: a classic script with a name that stays, for pages of other origins. No page of the gateway loads it. */
export const EMBED = 'hookgate-portal.js';
export const embedOptions = {
  ...options,
  splitting: false,
  format: 'iife',
  entryPoints: { 'hookgate-portal': 'src/embed/hookgate-portal.ts' },
  entryNames: '[name]',
};

/** The shell: no inline script, no inline style. The theme's script blocks, so that the first paint has its colours. */
export function shell(names) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>hookgate</title>
<link rel="icon" href="/ui/${names.icon}">
<link rel="stylesheet" href="/ui/${names.style}">
<script src="/ui/${names.theme}"></script>
${names.chunks.map((chunk) => `<link rel="modulepreload" href="/ui/${chunk}">\n`).join('')}<script type="module" src="/ui/${names.main}"></script>
</head>
<body>
<div id="app"></div>
<noscript>This page needs JavaScript. Everything that it shows is in the API too.</noscript>
</body>
</html>
`;
}

/** Names of the files that the shell refers to, from what esbuild reports. */
export function entryNames(metafile) {
  const names = { chunks: [] };
  for (const file of Object.keys(metafile.outputs)) {
    const entry = /^(main|theme|style|icon)-[A-Z0-9]{8}\.(js|css|svg)$/.exec(basename(file))?.[1];
    if (entry) names[entry] = basename(file);
    if (entry === 'main') names.chunks = [...loadedBy(metafile, file)].filter((one) => one !== basename(file)).sort();
  }
  return names;
}

/** A file and the files that it imports statically: what is loaded before it runs. */
function loadedBy(metafile, file, found = new Set()) {
  if (found.has(basename(file))) return found;
  found.add(basename(file));
  for (const { path, kind } of metafile.outputs[file]?.imports ?? []) if (kind === 'import-statement') loadedBy(metafile, path, found);
  return found;
}

/** The screens: files that the routes load. What a screen loads itself is shown after it. */
function screens(metafile) {
  const loaded = new Set(['dashboard', 'portal'].flatMap((area) => metafile.inputs[`src/${area}/routes.ts`].imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path)));
  return Object.keys(metafile.outputs).filter((file) => loaded.has(metafile.outputs[file].entryPoint));
}

async function main(folder) {
  const result = await esbuild.build({ ...options, minify: true });
  const names = entryNames(result.metafile);
  const files = new Map(result.outputFiles.map((file) => [`ui/${basename(file.path)}`, Buffer.from(file.contents)]));
  files.set('index.html', Buffer.from(shell(names)));
  const embed = await esbuild.build({ ...embedOptions, minify: true });
  files.set(`ui/${EMBED}`, Buffer.from(embed.outputFiles[0].contents));

  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'ui'), { recursive: true });
  const sizes = new Map();
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const gzip = gzipSync(content, { level: 9 });
    const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
    await writeFile(join(folder, name), content);
    await writeFile(join(folder, `${name}.gz`), gzip);
    await writeFile(join(folder, `${name}.br`), brotli);
    sizes.set(basename(name), { raw: content.length, gzip: gzip.length, brotli: brotli.length });
  }
  report(result.metafile, names, sizes);
}

function report(metafile, names, sizes) {
  const gzipped = (files) => [...new Set(files)].reduce((sum, file) => sum + sizes.get(file).gzip, 0);
  const always = ['index.html', names.main, names.theme, names.style, names.icon, ...names.chunks];
  const first = screens(metafile).map((screen) => [gzipped([...always, ...loadedBy(metafile, screen)]), metafile.outputs[screen].entryPoint]);
  const [largest, screen] = first.sort(([a], [b]) => b - a)[0];
  const total = gzipped(sizes.keys());
  const embed = sizes.get(EMBED).gzip;
  for (const [name, { raw, gzip, brotli }] of sizes) {
    console.log(`  ${String(raw).padStart(7)} ${String(gzip).padStart(7)} gz ${String(brotli).padStart(7)} br  ${always.includes(name) ? '*' : ' '} ${name}`);
  }
  console.log(`  first screen at most ${largest} of ${FIRST_SCREEN_BUDGET} bytes gzipped (${screen}), all ${total} of ${TOTAL_BUDGET}, ${EMBED} ${embed} of ${EMBED_BUDGET}`);
  if (largest > FIRST_SCREEN_BUDGET || total > TOTAL_BUDGET || embed > EMBED_BUDGET) throw new Error('a size budget is exceeded');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] ?? join(root, 'dist'));
