// A SyncAI customer: the printed Express application, but for its secret and its port.
const Module = require('node:module');
const printed = require('./printed');

const text = printed.text('syncai.js', [
  ["'your-webhook-secret'", JSON.stringify(process.env.SECRET)],
  ['app.listen(3000);', "const server = app.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));"],
]);
const module_ = new Module('printed/syncai.js', module);
module_.paths = module.paths;
module_._compile(text, 'printed/syncai.js');
