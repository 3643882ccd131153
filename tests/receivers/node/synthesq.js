// A SynthesQ customer: HMAC-SHA256 of the raw request body, compared to the signature header. During a rotation the header of
// the previous secret's signature is looked at too.
const crypto = require('node:crypto');
const express = require('express');

const app = express();
app.use(express.raw({ type: '*/*' }));

const genuine = (header, body) => {
  const expected = crypto.createHmac('sha256', process.env.SECRET).update(body).digest('hex');
  return header?.length === expected.length && crypto.timingSafeEqual(Buffer.from(header), Buffer.from(expected));
};

// At `/one-header`, one that never heard of the second header.
app.post(['/hooks', '/one-header'], (req, res) => {
  const names = ['x-webhook-signature', 'x-webhook-signature-previous'].slice(0, req.path === '/hooks' ? 2 : 1);
  const by = names.find((name) => genuine(req.headers[name], req.body));
  console.log(by ? `accepted by ${by}` : 'refused');
  res.status(by ? 200 : 401).end();
});

const server = app.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
