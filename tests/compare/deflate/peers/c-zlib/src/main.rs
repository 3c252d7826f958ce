fn main() {
    compare_deflate::worker::serve(&compare_deflate_c_zlib::PEERS);
}
