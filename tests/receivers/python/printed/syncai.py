import hmac
import hashlib
from flask import Flask, request, jsonify

WEBHOOK_SECRET = "your-webhook-secret"

app = Flask(__name__)

@app.route("/syncai-webhook", methods=["POST"])
def handle_webhook():
    # Get the signature from header
    signature = request.headers.get("X-SyncAI-Signature")

    if not signature:
        return jsonify({"error": "Missing signature"}), 401

    # Calculate expected signature
    payload = request.get_data()
    expected = hmac.new(
        WEBHOOK_SECRET.encode(),
        payload,
        hashlib.sha256
    ).hexdigest()

    # Verify signature matches
    if not hmac.compare_digest(signature, expected):
        return jsonify({"error": "Invalid signature"}), 401

    # Process the webhook
    data = request.json
    if data["event"] == "document.verified":
        print(f"Document verified: {data['document_id']}")
        print(f"Extracted data: {data['data']}")

    return jsonify({"received": True}), 200
