// Development server: the pages from src, rebuilt at each change, and everything else from a running gateway.
// Usage: node dev.mjs [--gateway http://127.0.0.1:8080] [--port 5173] [--embed ORIGIN]
import { createServer, request } from 'node:http';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';
import { EMBED, embedOptions, entryNames, options, shell } from './tools/bundle.mjs';

const { values } = parseArgs({ options: { gateway: { type: 'string', default: 'http://127.0.0.1:8080' }, port: { type: 'string', default: '5173' }, embed: { type: 'string', default: "'none'" } } });
const gateway = new URL(values.gateway);
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
/** As the gateway sends them: a violation shows during development already. */
const HEADERS = {
  'content-security-policy':
    `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors ${values.embed}; require-trusted-types-for 'script'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

let files = new Map();
let names = {};
const collect = {
  name: 'collect',
  setup: (build) =>
    build.onEnd((result) => {
      if (!result.metafile) return;
      files = new Map(result.outputFiles.map((file) => [basename(file.path), file.contents]));
      names = entryNames(result.metafile);
      console.log(`built ${files.size} files`);
    }),
};
const context = await esbuild.context({ ...options, sourcemap: 'inline', plugins: [collect] });
await context.watch();
const embed = await esbuild.build({ ...embedOptions, sourcemap: 'inline' });

createServer((req, res) => {
  const { pathname } = new URL(req.url, 'http://local');
  if (pathname === '/') return res.writeHead(303, { location: '/dashboard' }).end();
  if (/^\/(dashboard|portal)(\/|$)/.test(pathname)) {
    return res.writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8' }).end(shell(names));
  }
  if (pathname.startsWith('/ui/')) {
    const file = pathname === `/ui/${EMBED}` ? embed.outputFiles[0].contents : files.get(pathname.slice(4));
    if (!file) return res.writeHead(404).end();
    return res.writeHead(200, { ...HEADERS, 'content-type': TYPES[pathname.split('.').pop()] ?? 'application/octet-stream' }).end(file);
  }
  const forward = request({ host: gateway.hostname, port: gateway.port, method: req.method, path: req.url, headers: { ...req.headers, host: gateway.host } }, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  forward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
  res.on('close', () => forward.destroy());
  req.pipe(forward);
}).listen(Number(values.port), '127.0.0.1', () => console.log(`http://127.0.0.1:${values.port}/dashboard, gateway ${gateway.origin}`));
