// Reads the first record batch of an Arrow IPC stream of numbers: the bars of `GET /api/bars`, without a copy.
// The layout is that of arrow.apache.org/docs/format/Columnar.html: messages, each with a flatbuffer that says where
// the buffers of its body lie.

const CONTINUES = 0xffffffff;
const RECORD_BATCH = 3;

function field(view, table, index) {
  const names = table - view.getInt32(table, true);
  const place = 4 + 2 * index;
  const offset = place < view.getUint16(names, true) ? view.getUint16(names + place, true) : 0;
  return offset ? table + offset : 0;
}

const follow = (view, at) => at + view.getUint32(at, true);
const long = (view, at) => Number(view.getBigInt64(at, true));

/** Buffers of the first batch as [offset, length], and how many rows it has. */
function batch(view) {
  for (let at = 0; at + 8 <= view.byteLength; ) {
    if (view.getUint32(at, true) !== CONTINUES) break;
    const size = view.getInt32(at + 4, true);
    if (!size) break;
    const message = follow(view, at + 8);
    const body = at + 8 + size;
    if (view.getUint8(field(view, message, 1)) === RECORD_BATCH) {
      const found = follow(view, field(view, message, 2));
      const list = follow(view, field(view, found, 2));
      const buffers = Array.from({ length: view.getUint32(list, true) }, (_, i) => [
        body + long(view, list + 4 + 16 * i), long(view, list + 12 + 16 * i),
      ]);
      return { rows: long(view, field(view, found, 0)), buffers };
    }
    const length = field(view, message, 3);
    at = body + (length ? long(view, length) : 0);
  }
  return { rows: 0, buffers: [] };
}

/** Columns of bars: seconds, prices, volume (NaN where unknown) and which of them may signal. */
export function readBars(content) {
  const { rows, buffers } = batch(new DataView(content));
  const values = (column) => buffers[2 * column + 1][0];
  const stamps = new Uint32Array(content, rows ? values(0) : 0, 2 * rows);
  const time = Float64Array.from({ length: rows }, (_, i) => (stamps[2 * i + 1] * 2 ** 32 + stamps[2 * i]) / 1000);
  const numbers = (column) => new Float64Array(content, rows ? values(column) : 0, rows);
  const bits = new Uint8Array(content);
  const isSet = (start, i) => (bits[start + (i >> 3)] >> (i & 7)) & 1;
  const bars = { rows, time, open: numbers(1), high: numbers(2), low: numbers(3), close: numbers(4), volume: numbers(5) };
  if (rows && buffers[10][1]) {
    bars.volume = bars.volume.map((volume, i) => (isSet(buffers[10][0], i) ? volume : NaN));
  }
  bars.valid = Uint8Array.from({ length: rows }, (_, i) => isSet(values(6), i));
  return bars;
}
