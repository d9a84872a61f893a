// Made by tests/unit/crypto/generate_vectors.py with OpenSSL; do not edit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane {

inline constexpr std::uint32_t known_answer_longest_bytes = 2048;
inline constexpr std::uint32_t known_answer_batch_packets = 64;
inline constexpr std::size_t known_answer_batches = known_answer_longest_bytes / known_answer_batch_packets + 1;

// For lengths [64 n, 64 n + 63]: the first 8 bytes (little-endian) of the BLAKE2s-256 of all sealed packets behind each
// other, for each of aead_algorithms and for a mixture of all. prepare_packet() in known_answer_tests.cpp repeats the
// formulas.
// clang-format off
inline constexpr std::array<std::array<std::uint64_t, known_answer_batches>, 5> sealed_digests = {{
    // chacha20poly1305
    {0xc935d7e08c0c2f85U, 0x6c9b1a3262af885cU, 0xb521e1832a4a23eaU, 0x696ba1eed00f542bU, 0x61e56fc1506321cfU,
     0x7f2d35a62242809cU, 0xe31973ababacea79U, 0x88371f9ff011ffd2U, 0x0aa9ba2a869b1c24U, 0xc3bd76a4ee13834bU,
     0xf406d665cf950cdeU, 0x0018bdd8a5cfd3caU, 0x8f7ba7a4df75dac2U, 0x744ac734e6799817U, 0x2f169eb781ae03bdU,
     0x2560c962683991e1U, 0x82b2f29c7ffd83b1U, 0x4dbb73a243bdc1ffU, 0x2106a3d77fc16a23U, 0xb73e21e5cda81f87U,
     0x76159a219dff432dU, 0xfd6fec186d907598U, 0x7d88e0a1e5c8c8b2U, 0x198039586e26d73cU, 0x5b312a80db6320cbU,
     0xedefb26c6396240dU, 0x44e588ca580cc21dU, 0x722139ccd5dddec3U, 0x897e831293b41d39U, 0xf358b867cf817cffU,
     0xad7b7aec7355a3c7U, 0x112e7d0706247fd3U, 0x4ec9cd8513f541bdU},
    // aes128gcm
    {0xe336ac54a1501117U, 0x7e0ce553f3a49fe6U, 0x6ddc3e0d0f2b518cU, 0xdac2aa5d2c33f3b8U, 0x995da8964159a94bU,
     0x8eb267dd8244a8fdU, 0xeeb2d728aaaca9b8U, 0x14bf8238004044fcU, 0xa84e94c52bc75886U, 0x5084c024b396eaa8U,
     0xb17ed4dda192106bU, 0xae8b69a7cd7759f4U, 0x18dff876704fe682U, 0x785a9beee8ab9226U, 0xa4514a0c6baa26e5U,
     0x5b6e68026968f4dcU, 0xe1de494bdfc2dc4aU, 0xacc49ee8256d99a4U, 0x50f5481dd36b470bU, 0x14935020fd376369U,
     0x7d2b72958f84621bU, 0x8fee3a116312d782U, 0xe3bebe11898d80d2U, 0xe2badfd5dafc801cU, 0x075a6c138be05727U,
     0x51aa9aeb0bfd6a59U, 0xe7a25a7f815e3cdeU, 0x024a97f63d5475f3U, 0x42e880ca63ae01f0U, 0x23356e5275819e31U,
     0x4993d269755f5bc0U, 0xe145823debf58362U, 0x0f2359927a0d8f1eU},
    // aes192gcm
    {0xaa70bc33dafca3e6U, 0xac83a43da2d92f5fU, 0xdcbf589483e40eafU, 0x442c7261d3a75957U, 0x95d955f83f51563aU,
     0x8daf94df23856e93U, 0x3ab9fd5654157a6cU, 0xe3a8f12f262e5eeeU, 0x81947974ff01732eU, 0x00c12ea256ce1c48U,
     0x75f7f4693f4c67e6U, 0xd6fa84d5d3fb91f1U, 0xff8ac7fce5c37244U, 0x65b570b5feea69beU, 0x8a2e7d296fcc51faU,
     0xfda2d16294b62114U, 0xae3a74a2fcef1b00U, 0x214bbd845d7b8909U, 0xa625f21f88ee2f5dU, 0x5099d897e811b235U,
     0xf6de4165aee3e050U, 0xbf4eca547de5ad48U, 0x50d2802476268757U, 0xa17ff48d9cbc0074U, 0x62fa03764799186fU,
     0xef07f747f9e7a7bfU, 0x3bffcdc17a4564e2U, 0x15f20902ebfc66b4U, 0xaef59304b4d66653U, 0xe1c5fd631cc80608U,
     0x0b37d9b5b4100508U, 0x086eb56953f093aaU, 0x04d2ce23e6d6b6a8U},
    // aes256gcm
    {0x314ad1749b4d65edU, 0x246b09475a40ea6fU, 0xa30d43871fe663daU, 0x177476d25bf0f36fU, 0x8b324b3dcf3ce475U,
     0x9e680bcffb2174adU, 0x702a6c29b27b10c7U, 0x509f3a2c5669c51fU, 0xbf59024530a9e954U, 0x911bfa63d4f4f049U,
     0x65a80967e83a0d0cU, 0xf744634d4df6d1faU, 0xc66865265d7972e8U, 0xd5b93f5c3ce14021U, 0x70804f9bc2f9f098U,
     0x8325893b8fd24cdbU, 0xb4bdc83ba37140e0U, 0x20d96cf16fdebd1dU, 0xe9ea5e8106aea4e4U, 0x45cd0439106fc283U,
     0x0e51df62826c63ecU, 0xe5815b983dee88fdU, 0x0a586ec2d1dc325aU, 0xfe7504f1c98241f2U, 0xf87f36475d527eb4U,
     0x53f8affe5925361bU, 0xd6c77822d9bf4635U, 0x1d156ce07c4fe89aU, 0x5eb774e5fef1a36bU, 0xa8e49b0d60e99bf5U,
     0x592001eeb8ccb814U, 0x102c7798aa04b693U, 0x861228cbb249ff1aU},
    // mixed
    {0xcddd1a82496200e1U, 0x7dd08f73b7141313U, 0x3dd043933bd6aff6U, 0x044b3ca001c46b25U, 0xa827a58313092665U,
     0x303d8c9da50dd849U, 0x39df4308be255157U, 0x3c550f21d2a14768U, 0x445964d94582e03dU, 0xa96e7afabf619141U,
     0xbe2f05969e5990daU, 0xc89b5306e02f2718U, 0xb93a40eae0322e6eU, 0xa0fa9e17b8f66fb3U, 0xbf7aada646a7a9c9U,
     0x57f36d364418232cU, 0xfcdb0c52bb06dd4fU, 0x9620639d3a4bf6ccU, 0x2d94212e729a3593U, 0x9abb6c9614cc0d96U,
     0x440636c229f1c09fU, 0x4418f80726d2b142U, 0x66186fef0f5739adU, 0xa57277b7d31a7553U, 0x947ff5b8c247a23bU,
     0xa99a9dd6ba2dacfcU, 0xf098eb055cabfecdU, 0x3549344a79150671U, 0x8e7af505e9ac9327U, 0xb468e592d88e109cU,
     0x9bbe4b78b3c711c2U, 0xf1860cfdb9a2985fU, 0x4ec9cd8513f541bdU},
}};
// clang-format on

}  // namespace sallyport::dataplane
