// Masks contact details, drops events by their status, and joins a customer's names into one.

import { settings as given } from "hookgate:plugin/config@0.1.0";
import { log } from "hookgate:plugin/log@0.1.0";

const DEFAULTS = { redact: ["/**/~email|phone"], drop: [] };

const SETTINGS_SCHEMA = {
  type: "object",
  properties: {
    redact: {
      type: "array",
      items: { type: "string", pattern: "^/" },
      default: DEFAULTS.redact,
      description: "Patterns of what is masked.",
    },
    drop: {
      type: "array",
      items: { type: "string" },
      default: DEFAULTS.drop,
      description: "Events of these statuses go no further.",
    },
  },
  additionalProperties: false,
};

export const handler = {
  describe() {
    return {
      name: "contacts-js",
      version: "0.1.0",
      summary: "Masks contact details, drops by status and joins names.",
      settingsSchema: JSON.stringify(SETTINGS_SCHEMA),
      redacts: true,
    };
  },

  // The gateway gives settings as a document that lives outside: `getJson` brings all of it in at once.
  checkSettings(settings) {
    const problems = problemsOf(JSON.parse(settings.getJson("")));
    if (problems.length > 0) throw problems;
  },

  handle(_info, _metadata, data) {
    // A component without WASI has no standard error: what is not caught here is a bare trap without its text.
    try {
      return handle(data);
    } catch (error) {
      throw { code: "internal", message: error.message ?? JSON.stringify(error.payload ?? error) };
    }
  },
};

function handle(data) {
  const options = { ...DEFAULTS, ...JSON.parse(given().getJson("")) };
  const [status, first, last] = texts(data, ["/status", "/customer/first_name", "/customer/last_name"]);
  if (options.drop.includes(status)) {
    return { tag: "drop", val: `status ${status} stays here` };
  }
  const masked = data.redact(options.redact, { tag: "mask", val: "[removed]" });
  if (first !== undefined && last !== undefined) {
    data.set("/customer/name", { tag: "text", val: `${first} ${last}` });
    data.remove("/customer/~firstname|lastname");
  }
  log("info", `values masked: ${masked}`);
  return { tag: "pass" };
}

// The texts at these pointers, in one operation; `undefined` where no text stands.
function texts(data, pointers) {
  return data.getMany(pointers).map((scalar) => (scalar?.tag === "text" ? scalar.val : undefined));
}

function problemsOf(settings) {
  const problems = [];
  for (const [name, value] of Object.entries(settings)) {
    if (!(name in DEFAULTS)) {
      problems.push({ pointer: `/${name}`, message: "there is no such setting" });
    } else if (!Array.isArray(value)) {
      problems.push({ pointer: `/${name}`, message: "a list of texts is expected" });
    } else {
      const wrong = value.findIndex((item) => typeof item !== "string" || (name === "redact" && !item.startsWith("/")));
      if (wrong >= 0) problems.push({ pointer: `/${name}/${wrong}`, message: "this is none" });
    }
  }
  return problems;
}
