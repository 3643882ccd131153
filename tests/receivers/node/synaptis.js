// A Synaptis customer: the printed verifier behind Express, given the body as Express parsed it.
const express = require('express');
const printed = require('./printed');

const app = express();
app.use(express.json({ limit: '16mb' }));

printed.load('synaptis.mjs', 'verifyWebhookSignature').then((verifyWebhookSignature) => {
  app.post('/webhooks/synaptis', (req, res) => {
    let genuine = false;
    try {
      genuine = verifyWebhookSignature(req.body, req.headers['x-synaptis-signature'], process.env.SECRET);
    } catch (error) {
      // A signature that is missing or of another length.
      console.log(error.message);
    }
    console.log(genuine ? `accepted ${req.body.id}` : 'refused');
    res.status(genuine ? 200 : 401).end();
  });
  const server = app.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
});
