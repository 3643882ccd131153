const express = require('express');
const crypto = require('crypto');

const WEBHOOK_SECRET = 'your-webhook-secret';

const app = express();
app.use(express.raw({ type: 'application/json' }));

app.post('/syncai-webhook', (req, res) => {
  const signature = req.headers['x-syncai-signature'];

  if (!signature) {
    return res.status(401).json({ error: 'Missing signature' });
  }

  // Calculate expected signature
  const expected = crypto
    .createHmac('sha256', WEBHOOK_SECRET)
    .update(req.body)
    .digest('hex');

  // Verify signature
  if (!crypto.timingSafeEqual(
    Buffer.from(signature),
    Buffer.from(expected)
  )) {
    return res.status(401).json({ error: 'Invalid signature' });
  }

  // Process the webhook
  const data = JSON.parse(req.body);
  if (data.event === 'document.verified') {
    console.log('Document verified:', data.document_id);
    console.log('Extracted data:', data.data);
  }

  res.json({ received: true });
});

app.listen(3000);
