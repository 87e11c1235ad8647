// One report, as `seep inspect --json` has it. Every text comes from a process that may be hostile: it is only ever set as text.
'use strict';
(function () {
  const report = JSON.parse(document.getElementById('data').textContent);
  const page = document.getElementById('page');
  const colours = ['#7db7f0', '#f3c26b', '#8fd0a5', '#e79a8c', '#c2a5e8', '#9fc9cf', '#d6cf7e', '#e5a9cb'];

  function add(parent, name, text, className) {
    const node = document.createElement(name);
    if (text !== undefined && text !== null) node.textContent = text;
    if (className) node.className = className;
    parent.appendChild(node);
    return node;
  }

  function draw(parent, name, attributes) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key of Object.keys(attributes)) node.setAttribute(key, attributes[key]);
    parent.appendChild(node);
    return node;
  }

  function size(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    for (; bytes >= 1024 && unit + 1 < units.length; unit++) bytes /= 1024;
    return (unit ? bytes.toFixed(1) : bytes) + ' ' + units[unit];
  }

  const count = (number) => number.toLocaleString('en');
  const share = (part, whole) => (whole ? Math.round(100 * part / whole) : 0) + ' %';

  function place(where) {
    if (!where || where.function === '?') return null;
    const file = where.file ? where.file.split('/').slice(-2).join('/') : '';
    return where.function + (file ? '   ' + file + (where.line ? ':' + where.line : '') : '');
  }

  function head() {
    const target = report.target;
    document.title = target.name + ' – seep';
    add(page, 'h1', target.name);
    const facts = [target.pid ? 'pid ' + target.pid : null, target.go_version, target.release, target.stripped ? 'stripped' : null,
      target.kind === 'process' ? null : target.kind, report.pause_us ? 'paused ' + (report.pause_us / 1000).toFixed(1) + ' ms' : null];
    add(page, 'div', facts.filter(Boolean).join(' · '), 'soft');
  }

  function rows(list, pairs) {
    for (const [name, texts] of pairs) {
      [].concat(texts).filter(Boolean).forEach((text, i) => {
        add(list, 'dt', i ? '' : name);
        add(list, 'dd', text);
      });
    }
  }

  function findings() {
    add(page, 'h2', report.findings.length ? 'What leaks' : 'No leak found');
    for (const finding of report.findings) {
      const box = add(page, 'section', null, 'finding ' + finding.grade);
      const title = add(box, 'h3');
      const left = add(title, 'span');
      add(left, 'span', finding.grade + '  ', 'grade');
      add(left, 'span', finding.title);
      if (finding.held_bytes) add(title, 'span', (finding.held_measured ? '' : 'at least ') + size(finding.held_bytes) + ' held');
      rows(add(box, 'dl'), [['held by', finding.holder], [finding.deferred ? 'deferred at' : 'at', place(finding.at)], ['calls', place(finding.deferred)],
        ['started at', place(finding.started_at)], ['because', finding.because], ['fix', finding.fix]]);
    }
  }

  function memory() {
    const names = { heap_in_use_bytes: 'heap in use', heap_idle_bytes: 'heap idle', stacks_bytes: 'stacks', runtime_bytes: 'runtime',
      mapped_files_bytes: 'mapped files', outside_go_bytes: 'outside Go' };
    const whole = report.memory.rss_bytes;
    if (!whole || report.memory.heap_in_use_bytes === null) return;
    add(page, 'h2', 'Memory: ' + size(whole) + ' resident');
    const svg = draw(add(page, 'div', null, 'bar'), 'svg', { viewBox: '0 0 1000 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'memory by use' });
    const key = add(page, 'ul', null, 'key');
    let at = 0;
    Object.keys(names).forEach((name, i) => {
      const width = 1000 * report.memory[name] / whole;
      draw(svg, 'rect', { x: at, y: 0, width: width, height: 10, fill: colours[i] });
      at += width;
      const item = add(key, 'li');
      draw(draw(item, 'svg', { viewBox: '0 0 1 1' }), 'rect', { width: 1, height: 1, fill: colours[i] });
      add(item, 'span', names[name] + ' ' + size(report.memory[name]));
    });
  }

  // The tree of holders: a line's width is what it holds. A click or Enter goes in, Escape goes out, arrows go from one to the next.
  function holders() {
    const lines = report.heap.holders;
    if (!report.heap.known || !lines.length) return;
    add(page, 'h2', 'Who holds the heap: what would be free without it');
    const below = lines.map(() => 0);
    lines.forEach((line) => { if (line.parent !== null) below[line.parent] += line.held_bytes; });
    const root = d3.stratify().id((line, i) => String(i)).parentId((line) => (line.parent === null ? null : String(line.parent)))(lines);
    root.sum((line) => 0);
    root.eachAfter((node) => { node.value = node.data.held_bytes; });
    root.sort((a, b) => b.value - a.value);
    d3.partition().size([1, root.height + 1])(root);
    const crumbs = add(page, 'nav', null, 'crumbs');
    const frame = add(page, 'div', null, 'icicle');
    const shown = 8, row = 26;
    let top = root;
    const shared = (node) => (node.depth === 1 && node.data.kind === 'objects' ? 'several holders of ' : '');
    const label = (node) => (node.depth ? shared(node) + node.data.name + (node.data.members > 1 && node.data.kind !== 'variable' ? ' ×' + count(node.data.members) : '')
      : 'all that is held');

    function go(node, focus) {
      top = node;
      crumbs.textContent = '';
      for (const above of node.ancestors().reverse()) {
        const button = add(crumbs, 'button', label(above));
        button.type = 'button';
        button.addEventListener('click', () => go(above, true));
      }
      add(crumbs, 'span', size(node.value) + ' in ' + count(node.data.held_objects) + ' objects', 'soft');
      paint(focus);
    }

    function paint(focus) {
      frame.textContent = '';
      const width = frame.clientWidth || 900, height = row * Math.min(shown, top.height + 1);
      const svg = draw(frame, 'svg', { viewBox: '0 0 ' + width + ' ' + height, height: height, role: 'tree', 'aria-label': 'who holds the heap' });
      const scale = width / (top.x1 - top.x0);
      top.each((node) => {
        const wide = (node.x1 - node.x0) * scale, depth = node.depth - top.depth;
        if (wide < 2 || depth >= shown) return;
        const group = draw(svg, 'g', { tabindex: 0, role: 'treeitem', transform: 'translate(' + (node.x0 - top.x0) * scale + ',' + depth * row + ')' });
        group.node = node;
        const branch = node.ancestors().reverse()[top.depth + 1] || node;
        const siblings = branch.parent ? branch.parent.children : [branch];
        draw(group, 'rect', { width: Math.max(wide - .5, 1), height: row - 1, rx: 2, fill: node === top ? '#c3ccd6' : colours[siblings.indexOf(branch) % colours.length],
          'fill-opacity': 1 - .09 * Math.min(depth, 6) });
        const text = label(node) + '  ' + size(node.value);
        draw(group, 'title', {}).textContent = text + ', ' + share(node.value, root.value) + ' of all';
        if (wide > 40) {
          const letters = Math.floor((wide - 8) / 6.6);
          draw(group, 'text', { x: 5, y: row / 2 + 4 }).textContent = text.length > letters ? text.slice(0, Math.max(letters - 1, 1)) + '…' : text;
        }
        group.addEventListener('click', () => go(node === top && node.parent ? node.parent : node, true));
        group.addEventListener('keydown', key);
      });
      if (focus && svg.firstChild) svg.firstChild.focus();
    }

    function key(event) {
      const node = event.currentTarget.node;
      const next = { ArrowDown: (node.children || [])[0], ArrowUp: node.parent, ArrowRight: sibling(node, 1), ArrowLeft: sibling(node, -1) }[event.key];
      if (event.key === 'Enter') go(node, true);
      else if (event.key === 'Escape') go(top.parent || top, true);
      else if (next) Array.from(frame.querySelectorAll('g')).filter((group) => group.node === next).forEach((group) => group.focus());
      else return;
      event.preventDefault();
    }

    function sibling(node, step) {
      const all = node.parent ? node.parent.children : [];
      return all[all.indexOf(node) + step];
    }

    go(root, false);
    window.addEventListener('resize', () => paint(false));
  }

  function table(title, headings, lines) {
    if (!lines.length) return;
    add(page, 'h2', title);
    const grid = add(add(page, 'div', null, 'scroll'), 'table');
    const first = add(grid, 'tr');
    headings.forEach((heading, i) => add(first, 'th', heading, i + 1 < headings.length ? 'number' : ''));
    for (const cells of lines) {
      const line = add(grid, 'tr');
      cells.forEach((cell, i) => {
        if (i + 1 < cells.length) return add(line, 'td', cell, 'number');
        const name = add(line, 'td', cell[0], 'name');
        if (cell[1]) add(name, 'div', cell[1], 'way');
        return name;
      });
    }
  }

  function types() {
    const whole = report.heap.bytes;
    table('What is in it: types known of ' + share(report.heap.typed_bytes, whole), ['bytes', 'share', 'objects', 'held', 'type, and the shortest way to the largest'],
      report.heap.types.slice(0, 15).map((type) => [size(type.bytes), share(type.bytes, whole), count(type.objects), size(type.held_bytes), [type.name, type.path]]));
  }

  // Go's standard library: the first part of the import path has no dot, and it is not the program's own module.
  function isStandard(name) {
    const path = name.split(/[[(]/)[0], slash = path.lastIndexOf('/') + 1, dot = path.indexOf('.', slash);
    const package_ = dot < 0 ? path : path.slice(0, dot), own = report.target.main_module;
    return package_ !== 'main' && !package_.split('/')[0].includes('.') && !(own && (name.startsWith(own + '/') || name.startsWith(own + '.')));
  }

  // The frame that speaks to a person, as the text report has it: the innermost of the user's code, else the outermost that is not the runtime's.
  function userFrame(frames) {
    const outside = frames.filter((one) => !/^runtime\.|^\?$/.test(one.function));
    return frames.find((one) => !isStandard(one.function)) || outside[outside.length - 1] || frames[0];
  }

  function groups() {
    const own = report.goroutines.groups.filter((group) => !group.system).slice(0, 25);
    table(count(report.goroutines.user) + ' goroutines', ['count', 'held', 'state, where, and who started them'], own.map((group) => {
      const frame = userFrame(group.frames);
      return [count(group.count), group.held_bytes === null ? '' : size(group.held_bytes),
        [(group.wait_reason || group.state) + '   ' + (place(frame) || ''), group.started_at ? 'started at ' + place(group.started_at) : '']];
    }));
  }

  function notes() {
    const texts = report.unread.notes.concat(report.proof.known ? [] : ['Nothing is proved: ' + report.proof.why], report.heap.known ? [] : ['Who holds the heap is not known: ' + report.heap.why]);
    if (!texts.length) return;
    add(page, 'h2', 'Also seen, or not seen');
    const list = add(page, 'ul');
    texts.forEach((text) => add(list, 'li', text));
  }

  head();
  findings();
  memory();
  holders();
  if (report.heap.known) types();
  groups();
  notes();
}());
