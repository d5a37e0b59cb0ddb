// The types that json-schema-to-typescript makes of the schemas in the folder given: a payload is
// read where the compiler lets it be written as a value of the type.
import { join } from "node:path";
import { compileFromFile } from "json-schema-to-typescript";
import ts from "typescript";
import { kinds, read } from "./reader.mjs";

const options = { strict: true, noEmit: true, noLib: true, types: [] };

async function model(schema) {
  const types = await compileFromFile(join(process.argv[2], `${schema}.schema.json`));
  const suffix = schema === "events" ? "" : schema[0].toUpperCase() + schema.slice(1);
  return (payload) => {
    const text = `${types}\nexport const payload: CertificateApplication${suffix} = ${payload};\n`;
    const file = ts.createSourceFile("payload.ts", text, ts.ScriptTarget.ES2022);
    const host = ts.createCompilerHost(options);
    host.getSourceFile = (name) => (name === "payload.ts" ? file : undefined);
    const program = ts.createProgram(["payload.ts"], options, host);
    const [fault] = program.getSemanticDiagnostics(file);
    if (fault) throw new Error(ts.flattenDiagnosticMessageText(fault.messageText, "\n"));
    return JSON.stringify(JSON.parse(payload));
  };
}

const models = [...kinds, "events"].map(async (schema) => [schema, await model(schema)]);
await read(Object.fromEntries(await Promise.all(models)));
