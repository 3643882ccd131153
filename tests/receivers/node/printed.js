// Printed code as a module of its own: what is printed, but for the values that stand for a customer's.
const fs = require('node:fs');
const path = require('node:path');

// The text of a printed file with each `from` replaced; one that is not there would mean that nothing was replaced.
exports.text = (name, replacements = []) => {
  let text = fs.readFileSync(path.join(__dirname, 'printed', name), 'utf8');
  for (const [from, to] of replacements) {
    if (text.split(from).length !== 2) throw new Error(`${name} does not have ${from} once`);
    text = text.replace(from, () => to);
  }
  return text;
};

// The function of an ES module that exports nothing.
exports.load = async (name, wanted) => {
  const text = `${exports.text(name)}\nexport { ${wanted} };`;
  const module = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  return module[wanted];
};
