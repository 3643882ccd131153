// Verifies messages with the public libraries and with printed code: a line of JSON in, a line out: `true`, or why not.
const readline = require('node:readline');
const crypto = require('node:crypto');
const printed = require('./printed');

const schemes = async () => {
  const { Webhook } = require('standardwebhooks');
  const Stripe = require('stripe');
  const verifyWebhookSignature = await printed.load('synaptis.mjs', 'verifyWebhookSignature');
  const stripe = new Stripe('sk_test');
  return {
    standard: ({ body, headers, secret }) => Boolean(new Webhook(secret).verify(body, headers)),
    stripe: ({ body, headers, secret }) => Boolean(stripe.webhooks.constructEvent(body, headers['stripe-signature'], secret)),
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#javascript-example, over the raw body.
    github: ({ body, headers, secret }) => {
      const signature = crypto.createHmac('sha256', secret).update(body).digest('hex');
      const trusted = Buffer.from(`sha256=${signature}`, 'ascii');
      const untrusted = Buffer.from(headers['x-hub-signature-256'], 'ascii');
      return crypto.timingSafeEqual(trusted, untrusted);
    },
    // The body must come back from JavaScript's parser and printer as it was: the verifier prints it again.
    // Where the data that was published is told, it must be what JavaScript makes of that.
    synaptis: ({ body, headers, secret, published }) => {
      const payload = JSON.parse(body);
      if (JSON.stringify(payload) !== body) throw new Error(`printed again it is ${JSON.stringify(payload)}`);
      const expected = published === undefined ? payload.data : JSON.parse(published);
      if (JSON.stringify(payload.data) !== JSON.stringify(expected)) throw new Error(`it was ${JSON.stringify(expected)}`);
      return verifyWebhookSignature(payload, headers['x-synaptis-signature'], secret);
    },
  };
};

schemes().then(async (schemes) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    try {
      console.log(String(schemes[message.scheme](message)));
    } catch (error) {
      console.log(JSON.stringify(error.message));
    }
  }
});
