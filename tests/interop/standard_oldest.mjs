// The same with the oldest version that is common.
process.env.STANDARDWEBHOOKS = "standardwebhooks-oldest";
await import("./standard.mjs");
