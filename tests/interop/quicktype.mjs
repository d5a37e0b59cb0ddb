// The TypeScript that quicktype made of the schemas, in the file given.
import { readFileSync } from "node:fs";
import ts from "typescript";
import { kinds, read } from "./reader.mjs";

const compiled = ts.transpileModule(readFileSync(process.argv[2], "utf8"), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
});
const { Convert } = await import(
  `data:text/javascript;base64,${Buffer.from(compiled.outputText).toString("base64")}`
);

function model(kind) {
  const name = `ertificateApplication${kind[0].toUpperCase()}${kind.slice(1)}`;
  // It indents; the white space is not the model's.
  return (payload) =>
    JSON.stringify(JSON.parse(Convert[`c${name}ToJson`](Convert[`toC${name}`](payload))));
}

await read(Object.fromEntries(kinds.map((kind) => [kind, model(kind)])));
