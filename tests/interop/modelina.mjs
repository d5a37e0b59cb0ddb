// The models that Modelina makes of the AsyncAPI document given. With `integers`, prints the type
// that `application_id` has in each language; otherwise reads payloads with the TypeScript ones.
import { readFileSync } from "node:fs";
import * as modelina from "@asyncapi/modelina";
import ts from "typescript";
import { read } from "./reader.mjs";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));

/** The field of a model, if the model is that of an event. */
function field({ model }, name) {
  const fields = Object.values(model.properties ?? {});
  return fields.find((it) => it.unconstrainedPropertyName === name)?.property;
}

async function integers() {
  const types = {};
  for (const language of ["Java", "CSharp", "Kotlin", "Rust"]) {
    const models = await new modelina[`${language}Generator`]().generate(document);
    const fields = models.map((model) => field(model, "application_id")).filter(Boolean);
    types[language] = [...new Set(fields.map(({ type }) => type))];
  }
  console.log(JSON.stringify(types));
}

async function classes() {
  const preset = { preset: modelina.TS_COMMON_PRESET, options: { marshalling: true } };
  const generated = await new modelina.TypeScriptGenerator({ presets: [preset] }).generate(document);
  const events = generated.filter((it) => field(it, "event"));
  const text = generated.map(({ result }) => result).join("\n");
  const names = events.map(({ modelName }) => modelName);
  const { outputText } = ts.transpileModule(`${text}\nexport { ${names.join(", ")} };`, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const code = Buffer.from(outputText).toString("base64");
  const module = await import(`data:text/javascript;base64,${code}`);
  const models = {};
  for (const event of events) {
    const { type, property = {}, ref = {} } = field(event, "event");
    const values = (ref.values ?? property.values).map(({ value }) => JSON.parse(value));
    const kind = values.join(" ").replaceAll("certificate_application.", "");
    models[kind] = (payload) => {
      // Its classes take anything: the receiver looks at `event`, whose enum they have.
      if (!values.includes(JSON.parse(payload).event)) throw new Error(type);
      return JSON.stringify(JSON.parse(module[event.modelName].unmarshal(payload).marshal()));
    };
  }
  await read(models);
}

await (process.argv[3] === "integers" ? integers() : classes());
