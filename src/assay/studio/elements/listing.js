// A table of rows that the server sends: headings that sort, boxes that choose, small lines, buttons that act. One
// element whatever its length: the server keeps rows, not a thousand labels.

const ARROWS = { ascending: "▲", descending: "▼" };

export default {
  template: `<div class="scroll"><table class="plain-table listing" :aria-label="label">
    <thead><tr>
      <th v-if="choosable" class="tick"><input type="checkbox" aria-label="Choose all rows of this page"
        :checked="all" :indeterminate.prop="some && !all" @change="chooseAll($event.target.checked)"></th>
      <th v-for="c in columns" :key="c.name" scope="col" :class="{ number: c.number }" :aria-sort="c.order || null">
        <button v-if="c.sorts" type="button" class="sort" :class="{ sorted: c.order }" :aria-description="c.note || null"
          @click="$emit('sorted', c.name)">{{ c.label }}<span class="arrow" aria-hidden="true">{{ arrow(c) }}</span>
          <q-tooltip v-if="c.note" class="explanation">{{ c.note }}</q-tooltip></button>
        <span v-else-if="c.kind === 'acts'" class="hidden-heading">Actions</span>
        <span v-else-if="c.label" :class="{ explained: c.note }" :tabindex="c.note ? 0 : null"
          :aria-description="c.note || null">{{ c.label }}
          <q-tooltip v-if="c.note" class="explanation">{{ c.note }}</q-tooltip></span>
      </th></tr></thead>
    <tbody><tr v-for="row in rows" :key="row.id" :class="[row.tone, { chosen: has(row.id) }]">
      <td v-if="choosable" class="tick"><input type="checkbox" :aria-label="'Choose ' + row.id" :checked="has(row.id)"
        @change="choose(row.id, $event.target.checked)"></td>
      <td v-for="c in columns" :key="c.name" :class="[{ number: c.number }, cell(row, c).tone]"
        :title="cell(row, c).note || null">
        <template v-if="c.kind === 'stage'"><span :class="'stage stage-' + cell(row, c).text">{{ cell(row, c).text }}</span>
          <span v-if="cell(row, c).more" class="warn small"> {{ cell(row, c).more }}</span></template>
        <template v-else-if="c.kind === 'link'"><a :href="cell(row, c).href">{{ cell(row, c).text }}</a>
          <span v-if="cell(row, c).more" class="muted small"> {{ cell(row, c).more }}</span></template>
        <svg v-else-if="c.kind === 'line' && cell(row, c).points" class="sparkline" :class="cell(row, c).tone" role="img"
          :aria-label="cell(row, c).note" :viewBox="'0 0 ' + box[0] + ' ' + box[1]" :width="box[0]" :height="box[1]">
          <line x1="0" :x2="box[0]" :y1="cell(row, c).start" :y2="cell(row, c).start"/>
          <polyline :points="cell(row, c).points"/></svg>
        <span v-else-if="c.kind === 'acts'" class="acts"><button v-for="a in cell(row, c).acts" :key="a.name" type="button"
          class="plain" :disabled="a.off || null" :title="a.note || null" :aria-label="a.label + ' ' + row.id"
          @click="$emit('acted', { name: a.name, id: row.id })">{{ a.label }}</button></span>
        <template v-else>{{ cell(row, c).text }}</template>
      </td></tr></tbody></table></div>`,
  props: {
    columns: Array, rows: Array, chosen: Array, choosable: Boolean, label: String, box: { default: () => [84, 22] },
  },
  emits: ["sorted", "chose", "acted"],

  data() { return { names: new Set(this.chosen || []) }; },
  watch: { chosen(names) { this.names = new Set(names || []); } },

  computed: {
    all() { return this.rows.length > 0 && this.rows.every((row) => this.names.has(row.id)); },
    some() { return this.rows.some((row) => this.names.has(row.id)); },
  },

  methods: {
    arrow(column) { return column.order ? ` ${ARROWS[column.order]}` : ""; },
    cell(row, column) { return row[column.name] || {}; },
    has(id) { return this.names.has(id); },
    choose(id, on) {
      if (on) this.names.add(id); else this.names.delete(id);
      this.$emit("chose", [...this.names]);
    },
    chooseAll(on) {
      for (const row of this.rows) if (on) this.names.add(row.id); else this.names.delete(row.id);
      this.$emit("chose", [...this.names]);
    },
  },
};
