// Random numbers as libtorch draws them on a processor, so that a seed means here what it means to `dgl sample`.

// The Mersenne Twister MT19937 of 32 bits (Matsumoto and Nishimura 1998), libtorch's at::mt19937.
class MersenneTwister {
  // Takes a seed as BigInt, of which it uses the lower 32 bits.
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.next = 624;
    this.state[0] = Number(BigInt.asUintN(32, seed));
    for (let i = 1; i < 624; ++i) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, before) + i;
    }
  }

  twist() {
    const s = this.state;
    for (let i = 0; i < 624; ++i) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
      s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  // Returns a whole number of 32 bits.
  random() {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  // Returns a float32 in [0, 1), of 24 bits.
  uniform() { return (this.random() & 0xffffff) * 2 ** -24; }

  // Returns a float64 in [0, 1), of the lower 53 bits of two numbers.
  uniformDouble() {
    const high = this.random(), low = this.random();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  }
}

// Makes normal numbers of the 16 uniform ones from `at` on, by Box and Muller in float32: the first eight give the
// radii, the others the angles.
function normalsOfSixteen(data, at) {
  const twoPi = Math.fround(2 * Math.PI);
  for (let j = at; j < at + 8; ++j) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(1 - data[j])))));
    const angle = Math.fround(twoPi * data[j + 8]);
    data[j] = radius * Math.fround(Math.cos(angle));
    data[j + 8] = radius * Math.fround(Math.sin(angle));
  }
}

// Returns torch.randn(size) of float32 with a generator of `seed`, to the rounding of logarithm, sine and cosine.
function torchNormals(size, seed) {
  const random = new MersenneTwister(seed);
  const data = new Float32Array(size);
  if (size < 16) {
    // One by one in float64; each pair of uniform numbers makes two.
    for (let i = 0; i < size; i += 2) {
      const angle = 2 * Math.PI * random.uniformDouble();
      const radius = Math.sqrt(-2 * Math.log1p(-random.uniformDouble()));
      data[i] = radius * Math.cos(angle);
      if (i + 1 < size) data[i + 1] = radius * Math.sin(angle);
    }
    return data;
  }
  for (let i = 0; i < size; ++i) data[i] = random.uniform();
  for (let i = 0; i + 16 <= size; i += 16) normalsOfSixteen(data, i);
  if (size % 16 !== 0) {
    // The last sixteen are drawn again.
    for (let i = size - 16; i < size; ++i) data[i] = random.uniform();
    normalsOfSixteen(data, size - 16);
  }
  return data;
}

// Returns torch.randint(below, [size]) with a generator of `seed`.
function torchIntegers(below, size, seed) {
  const random = new MersenneTwister(seed);
  return Array.from({ length: size }, () => random.random() % below);
}

// stream_seed() of src/dgl/base/runtime.h: the seed of a random stream of its own, of BigInts of 64 bits.
function streamSeed(seed, stream, counter) {
  const bits = (x) => BigInt.asUintN(64, x);
  const mix = (x) => {
    x = bits(x + 0x9e3779b97f4a7c15n);
    x = bits((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    x = bits((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
    return x ^ (x >> 31n);
  };
  return mix(mix(mix(bits(seed)) ^ stream) ^ counter) >> 32n;
}

// The latents of `dgl sample --seed`: [count, shape...] as one array.
function latentsOf(shape, count, seed) {
  return torchNormals(shape.reduce((product, size) => product * size, count), seed);
}

// The labels of `dgl sample --seed`, if none is chosen.
function labelsOf(classes, count, seed) {
  return torchIntegers(classes, count, streamSeed(seed, 1n, 0n));
}
