// What ajv in strict mode says, by the schemas in the folder given.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { kinds, read } from "./reader.mjs";

// What strict mode only logs otherwise ends the test.
const refuse = (...words) => {
  throw new Error(words.join(" "));
};
const logger = { log: refuse, warn: refuse, error: refuse };

function model(schema) {
  const ajv = new Ajv({ strict: true, logger });
  addFormats(ajv);
  const text = readFileSync(join(process.argv[2], `${schema}.schema.json`), "utf8");
  const validate = ajv.compile(JSON.parse(text));
  return (payload) => {
    if (!validate(JSON.parse(payload))) throw new Error(ajv.errorsText(validate.errors));
    return payload;
  };
}

await read(Object.fromEntries([...kinds, "events"].map((schema) => [schema, model(schema)])));
