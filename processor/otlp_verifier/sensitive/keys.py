"""Keys of attributes that say something of their values: patterns on short texts, which Python's `re` reads too."""

from typing import Final

# Ids, numbers and times, whatever they look like.
IDS: Final = (
    rb"(?i)(?:^|[._-])(?:trace|span|parent_?span|request|correlation|message|order|invoice|tracking|shipment|ticket|"
    rb"transaction|session|job|build|batch|event|device|product|item)[._-]?(?:ids?|no|nr|num|number|code|ref|reference)$|"
    rb"(?:^|[._-])(?:order|invoice|tracking|imei|isbn|ean|gtin|upc|sku|serial)$|[._-]ids?$|[a-z]Ids?$|"
    rb"(?:^|[._-])(?:time|timestamp|epoch|offset|duration|position|sequence|seq|version|nanos?|millis?|ms|ns|us|size|"
    rb"count)$"
)
# Where an address is expected, and where what looks like one is none.
ADDRESSES: Final = (
    rb"(?i)^(?:client|server|network|source|destination|host|net|peer|k8s|container|os|process|telemetry|url|"
    rb"user_agent|browser|cloud|aws|azure|gcp|rpc)\.|^http\.(?:client_ip|url|host|user_agent|target)$|"
    rb"^http\.request\.header\.(?:host|user-agent|x[-_]forwarded[-_].*)$|^service\.instance\.id$|"
    rb"(?:^|[._-])(?:version|oid)$|^db\.connection_string$"
)
SECRETS: Final = (
    rb"(?i)(?:^|[._-])(?:password|passwd|secret|token|api[_-]?key|authorization|cookie|set-cookie|session)(?:$|[._-])"
)
# What a key that speaks of a secret may say of it without giving it away; pages and other lists go on by tokens too.
ABOUT_SECRETS: Final = (
    rb"(?i)[._-](?:name|ids?|type|kind|counts?|length|size|limit|max|min|index|usage|used|expir\w*|ttl|age|duration|"
    rb"status|state|present|valid|enabled|required|policy|provider|hash|sha256|algorithm|alg|scheme|method|path|url|"
    rb"uri|arn|endpoint|file|source|version|start|end|created|updated|domain|role|scopes?|result|purpose|verified|pid)$|"
    rb"(?:^|[._-])(?:page|next|continuation|sync|cancel\w*|resume|skip|pagination|cursor|ci|stop|eos|bos|pad)[_-]?token|"
    rb"(?:^|[._-])token[._-](?:ring|bucket|range)|^(?:session|messaging|k8s)\.|^gen_ai\.(?:usage|token)\."
)
SUSPICIOUS: Final = rb"(?i)(?:key|secret|token|passw|pwd|credential|auth|signature|cookie|session)"
ABOUT_SUSPICIOUS: Final = (
    rb"(?i)trace|span|digest|hash|checksum|etag|fingerprint|public|_key_id|key\.?name|cache|partition|message\.key|"
    rb"routing|ordering|primary|foreign|sort|idempotency|payload|^aws\.s3\.|^feature_flag\.|[._]ids?$"
)
