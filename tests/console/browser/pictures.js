// The pictures of the documents.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { ordinary } = require("./pages.js");
const { uuid } = require("./server.js");

const MOST_BYTES = 150 * 1024;

const PICTURES = {
  overview: { where: "", scheme: "light", width: 1280, height: 760 },
  application: { where: `/applications/${uuid(3)}`, scheme: "dark", width: 1280, height: 1000 },
  queue: { where: "/queue", scheme: "light", width: 360, height: 1000 },
  applications: { where: "/applications", scheme: "light", width: 1280, height: 660 },
};

module.exports = {
  async pictures(world) {
    await ordinary(world.server);
    const folder = world.options.pictures;
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, { where, ...options }] of Object.entries(PICTURES)) {
      const visitor = await world.administrator(options);
      await visitor.open(where);
      const file = path.join(folder, `${name}.png`);
      await visitor.page.screenshot({ path: file });
      const { size } = fs.statSync(file);
      if (size > MOST_BYTES) visitor.faults.push(`${file} has ${size} bytes`);
    }
    return folder;
  },
};
