"""Networks, a layer a file. They see documents and arrays; nothing of heads, corpora or transfer."""
