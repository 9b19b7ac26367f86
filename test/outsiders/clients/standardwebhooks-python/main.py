import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

received = json.load(sys.stdin)
webhook = Webhook(received["secret"])

print(webhook.verify(received["body"], received["headers"])["type"])
try:
    webhook.verify(received["body"] + " ", received["headers"])
except WebhookVerificationError:
    print("refused")
