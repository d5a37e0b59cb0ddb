// Reads payloads, one JSON string a line; prints what each model that takes it writes back.
import { createInterface } from "node:readline";

export const kinds = ["created", "processing", "approved", "rejected", "failed", "retried"];

/** `models` has for each schema a function from a text to what is written, or that throws. */
export async function read(models) {
  for await (const line of createInterface({ input: process.stdin })) {
    const payload = JSON.parse(line);
    const taken = {};
    for (const [schema, model] of Object.entries(models)) {
      try {
        taken[schema] = model(payload);
      } catch {
        // Each tool has errors of its own.
      }
    }
    console.log(JSON.stringify(taken));
  }
}
