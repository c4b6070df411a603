// KeepMask of keyed_dropout.h on a GPU: the same bits from the same counters. Compiled at run time
// by NVRTC, so that a build needs no CUDA compiler; plain C but for the names of CUDA, so that a
// test can run it on the CPU.
//
// One thread makes the masks of eight channels of one token. places: [tokens, 2], row and position;
// mask: [tokens, channels].
extern "C" __global__ void StrataKeepMask(const unsigned int* places, long long tokens,
                                          long long channels, unsigned int projection,
                                          unsigned int key0, unsigned int key1, unsigned int keep,
                                          unsigned char* mask) {
  const long long eighths = (channels + 7) / 8;
  const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= tokens * eighths) return;
  const long long token = thread / eighths, eighth = thread % eighths;
  unsigned int word[4] = {places[2 * token], places[2 * token + 1], projection,
                          (unsigned int)eighth};
  for (int round = 0; round < 10; ++round) {
    const unsigned long long product0 = 0xD2511F53ull * word[0];
    const unsigned long long product1 = 0xCD9E8D57ull * word[2];
    word[0] = (unsigned int)(product1 >> 32) ^ word[1] ^ key0;
    word[1] = (unsigned int)product1;
    word[2] = (unsigned int)(product0 >> 32) ^ word[3] ^ key1;
    word[3] = (unsigned int)product0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int lane = 0; lane < 8; ++lane) {
    const long long channel = 8 * eighth + lane;
    if (channel >= channels) return;
    const unsigned int bits = (word[lane / 2] >> (16 * (lane % 2))) & 0xFFFFu;
    mask[token * channels + channel] = bits < keep;
  }
}
