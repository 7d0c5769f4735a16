// Sign a message for the bus and print it, as the Detail of its entry. Node 18 or newer, no packages.
//
//   BUS_KEY_SECRET=bks_… node sign_message.mjs MESSAGE_ID SOURCE TYPE KEY_ID < data.json
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

/** The canonical JSON of RFC 8785: sorted keys, and numbers and texts as JavaScript writes them. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(",")}}`;
}

export function signed(id, source, type, data, { keyId, secret, time = new Date() }) {
  const seconds = Math.floor(time.getTime() / 1000);
  const hmac = createHmac("sha256", secret).update(`${id}.${seconds}.${canonical(data)}`);
  const signature = `v1,${hmac.digest("base64")}`;
  return { id, source, type, time: time.toISOString(), keyId, data, signature };
}

const [id, source, type, keyId] = process.argv.slice(2);
const data = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(signed(id, source, type, data, { keyId, secret: process.env.BUS_KEY_SECRET })));
