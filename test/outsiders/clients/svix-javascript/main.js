import { json } from 'node:stream/consumers'
import { Webhook, WebhookVerificationError } from 'svix'

const { secret, headers, body } = await json(process.stdin)
const webhook = new Webhook(secret)

webhook.verify(body, headers)
console.log(JSON.parse(body).type)
try {
  webhook.verify(`${body} `, headers)
} catch (error) {
  if (error instanceof WebhookVerificationError) console.log('refused')
}
