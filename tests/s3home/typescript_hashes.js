// The hashes of entries as a client in TypeScript computes them, by JavaScript's own JSON: for
// ledger_originals_test.py. A line of JSON in, a hash out. docs/formats/immukv.md, "The hash".
const { createHash } = require('crypto');

const sorted = (_, value) => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const result = {};
  for (const name of Object.keys(value).sort()) result[name] = value[name];
  return result;
};

const lines = require('fs').readFileSync(0, 'utf8').split('\n');
lines.pop();
for (const line of lines) {
  const entry = JSON.parse(line);
  const text = JSON.stringify({
    key: entry.key,
    previousHash: entry.previous_hash,
    sequence: entry.sequence,
    timestampMs: entry.timestamp_ms,
    value: JSON.parse(entry.json),
  }, sorted).replace(/[\u0080-\uffff]/g,
                     (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  console.log('sha256:' + createHash('sha256').update(text, 'utf8').digest('hex'));
}
