// A Synthflow customer on a server that shows headers as they are sent: the header is read by its literal name.
const crypto = require('node:crypto');
const express = require('express');

const app = express();
app.use(express.json());

app.post('/hooks', (req, res) => {
  const signature = req.headers['http_synthflow_signature'] ?? '';
  const expected = crypto.createHmac('sha256', process.env.SECRET).update(req.body.call_id).digest('base64');
  const genuine = signature.length === expected.length && crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  console.log(genuine ? `accepted ${req.body.call_id}` : 'refused');
  res.status(genuine ? 200 : 401).end();
});

const server = app.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
