// Files of bars: the browser streams them to the API, once to hear how each is understood and once to store it.
// Nothing goes through the page's own connection, so that a file of any size leaves it free.

const LIMIT = 250; // ms between two steps of a bar

const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US"));
const moment = (text) => (text ? text.slice(0, 16).replace("T", " ") : "–");
const size = (bytes) => (bytes < 1048576 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

/** Send a file with its progress, which `fetch` does not tell; the token is that of `Studio.send`. */
async function send(path, file, onShare) {
  const token = await window.Studio.session();
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    let last = 0;
    request.upload.onprogress = (event) => {
      const now = performance.now();
      if (event.lengthComputable && (now - last > LIMIT || event.loaded === event.total)) {
        last = now;
        onShare(event.loaded / event.total);
      }
    };
    request.onload = () => {
      let body = {};
      try { body = JSON.parse(request.responseText); } catch { /* the status says enough */ }
      resolve({ ok: request.status < 300, status: request.status, body });
    };
    request.onerror = () => resolve({ ok: false, status: 0, body: {} });
    request.open("POST", path);
    request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("Accept", "application/json");
    request.send(form);
  });
}

const why = (answer) => {
  if (answer.body.error) return answer.body.error.message;
  if (answer.status === 413) return "The file is larger than this server takes; its operator may raise the limit.";
  return answer.status ? `The server answered ${answer.status}.` : "The server did not answer. Is it running?";
};

export default {
  template: `
  <div class="upload">
    <label class="drop" :class="{ over }" @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="dropped">
      <input type="file" multiple :disabled="!!refused" @change="chosen" aria-label="Files of bars"
        accept=".csv,.tsv,.txt,.json,.parquet,.feather,.arrow,.gz,.zip,.zst,.xz,.bz2">
      <span>{{ refused || "Choose files, or drop them here: CSV, JSON, Parquet, Feather, plain or packed" }}</span>
    </label>
    <details class="options" :open="entries.some((entry) => entry.error)"><summary>If a file is understood wrongly</summary>
      <div class="fields">
        <label v-for="field in fields" :key="field.name">{{ field.label }}
          <input v-model.trim="options[field.name]" :placeholder="field.hint" @change="inspectAll"></label>
        <label class="tick"><input type="checkbox" v-model="options.bar_end" @change="inspectAll">
          times are those at which bars end</label>
      </div>
    </details>
    <div class="row" v-if="entries.length">
      <button type="button" class="plain main" @click="storeAll" :disabled="!ready.length || busy">
        Store {{ ready.length }} file{{ ready.length === 1 ? "" : "s" }}</button>
      <button type="button" class="plain" @click="clear" :disabled="busy">Clear the list</button>
    </div>
    <article v-for="entry in entries" :key="entry.key" class="file" :aria-label="entry.file.name">
      <div class="row"><span class="job-name">{{ entry.file.name }}</span>
        <span class="muted">{{ sizeOf(entry) }}</span>
        <span class="tag" role="status">{{ entry.state }}</span>
        <progress v-if="entry.share !== null" :value="entry.share" max="1" aria-label="Sent"></progress></div>
      <p v-if="entry.error" class="file-error" role="alert">{{ entry.error }}</p>
      <dl v-if="entry.found && !entry.stored">
        <dt>Recognised</dt><dd>{{ entry.found.symbol }} {{ entry.found.timeframe }} on {{ entry.found.exchange }},
          {{ entry.found.kind }}</dd>
        <dt>Format</dt><dd>{{ entry.found.shape }}<template v-if="entry.found.format">; {{ entry.found.format }}</template></dd>
        <dt>Times</dt><dd>{{ entry.found.times }}</dd>
        <dt>Span</dt><dd>{{ at(entry.found.from) }} to {{ at(entry.found.to) }} UTC</dd>
        <dt>Rows</dt><dd>{{ count(entry.found.rows) }} rows, {{ count(entry.found.bars) }} bars{{ dirt(entry.found) }}</dd>
        <template v-if="entry.found.understood.length"><dt>First bar</dt><dd class="mono">{{ first(entry.found) }}</dd></template>
        <template v-if="entry.found.notes.length"><dt>Decided</dt><dd>{{ entry.found.notes.join("; ") }}</dd></template>
      </dl>
      <p v-if="entry.stored" class="file-done">{{ told(entry.stored) }}</p>
    </article>
  </div>`,
  props: { refused: String },
  emits: ["stored"],

  data: () => ({
    entries: [], over: false, busy: false, next: 0,
    options: { exchange: "", symbol: "", timeframe: "", timezone: "", dates: "", columns: "", bar_end: false },
    fields: [
      { name: "exchange", label: "Exchange", hint: "as its name says" },
      { name: "symbol", label: "Symbol", hint: "BTC/USDT" },
      { name: "timeframe", label: "Timeframe", hint: "5m" },
      { name: "timezone", label: "Time zone", hint: "Europe/Berlin, +02:00" },
      { name: "dates", label: "Dates", hint: "dmy or mdy" },
      { name: "columns", label: "Columns", hint: "time=Date,volume=7" },
    ],
  }),

  computed: { ready() { return this.entries.filter((entry) => entry.found && !entry.stored && !entry.error); } },

  methods: {
    count: number, at: moment,
    sizeOf: (entry) => size(entry.file.size),
    dirt(found) {
      const kinds = Object.entries(found.found).filter(([, n]) => n);
      return kinds.length ? `; not usable: ${kinds.map(([kind, n]) => `${number(n)} ${kind.replaceAll("_", " ")}`).join(", ")}` : "";
    },
    first(found) {
      const bar = found.understood[0];
      return `${moment(bar.open_at)}  O ${bar.open}  H ${bar.high}  L ${bar.low}  C ${bar.close}` +
        (bar.volume === undefined ? "  no volume" : `  V ${bar.volume}`);
    },
    told(done) {
      const words = [`${done.symbol} ${done.timeframe} on ${done.exchange}: ${number(done.inserted)} bars are new`];
      if (done.unchanged) words.push(`${number(done.unchanged)} were stored already`);
      if (done.changed) words.push(`${number(done.changed)} are stored with other values, which stay`);
      words.push(`${done.valid_pct.toFixed(1)} % of the market's bars are valid`);
      if (!done.passes) words.push("⚠ training refuses the market");
      if (done.alert) words.push(done.alert.message);
      return words.join("; ");
    },

    chosen(event) { this.add([...event.target.files]); event.target.value = ""; },
    dropped(event) { this.over = false; if (!this.refused) this.add([...event.dataTransfer.files]); },
    add(files) {
      for (const file of files) {
        this.entries.push({ key: this.next++, file, state: "waiting", share: null, error: "", found: null, stored: null });
      }
      this.work((entry) => !entry.found && !entry.stored && !entry.error, true);
    },
    clear() { this.entries = []; },
    inspectAll() { this.work((entry) => !entry.stored, true); },
    storeAll() { this.work((entry) => entry.found && !entry.stored && !entry.error, false); },

    /** One file after the other: the server reads few at once. */
    async work(wanted, inspect) {
      if (this.busy) { this.again = inspect; return; }
      this.busy = true;
      for (const entry of this.entries.filter(wanted)) await this.sent(entry, inspect);
      this.busy = false;
      if (this.again) { this.again = false; this.work((entry) => !entry.found && !entry.stored && !entry.error, true); }
    },
    async sent(entry, inspect) {
      const query = new URLSearchParams(Object.entries(this.options).filter(([, value]) => value));
      if (inspect) query.set("inspect", "true");
      Object.assign(entry, { error: "", share: 0, state: inspect ? "inspecting" : "storing" });
      const answer = await send(`/api/bars/upload?${query}`, entry.file, (share) => {
        entry.share = share;
        if (share === 1) entry.state = inspect ? "reading" : "storing";
      });
      entry.share = null;
      if (!answer.ok) Object.assign(entry, { state: "refused", error: why(answer), found: inspect ? null : entry.found });
      else if (inspect) Object.assign(entry, { state: "understood", found: answer.body });
      else {
        Object.assign(entry, { state: "stored", stored: answer.body });
        this.$emit("stored");
      }
    },
  },
};
