//! Defines the province of a court, by the sign in a case number of 2016 and later or by the court's name.

use super::NumberParts;

/// A province: its sign in case numbers, its name, the name that courts shorten it to, and its prefectures.
struct Province {
    sign: char,
    name: &'static str,
    short: &'static str,
    prefectures: &'static str,
}

/// Provinces as of 2020, by GB/T 2260; the prefectures without 市, 州, 盟 or 地区.
const PROVINCES: [Province; 31] = [
    province('京', "北京市", "北京", ""),
    province('津', "天津市", "天津", ""),
    province('冀', "河北省", "河北", "石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水"),
    province('晋', "山西省", "山西", "太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁"),
    province(
        '内',
        "内蒙古自治区",
        "内蒙古",
        "呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 兴安盟 锡林郭勒 阿拉善",
    ),
    province('辽', "辽宁省", "辽宁", "沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 葫芦岛"),
    province('吉', "吉林省", "吉林", "长春 四平 辽源 通化 白山 松原 白城 延边"),
    province(
        '黑',
        "黑龙江省",
        "黑龙江",
        "哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江 黑河 绥化 大兴安岭",
    ),
    province('沪', "上海市", "上海", ""),
    province('苏', "江苏省", "江苏", "南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁"),
    province('浙', "浙江省", "浙江", "杭州 宁波 温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水"),
    province(
        '皖',
        "安徽省",
        "安徽",
        "合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州 池州 宣城",
    ),
    province('闽', "福建省", "福建", "福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德"),
    province('赣', "江西省", "江西", "南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶"),
    province(
        '鲁',
        "山东省",
        "山东",
        "济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 莱芜 临沂 德州 聊城 滨州 菏泽",
    ),
    province(
        '豫',
        "河南省",
        "河南",
        "郑州 开封 洛阳 平顶山 安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 济源",
    ),
    province(
        '鄂',
        "湖北省",
        "湖北",
        "武汉 黄石 十堰 宜昌 襄阳 襄樊 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施 仙桃 潜江 天门 汉江",
    ),
    province('湘', "湖南省", "湖南", "长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 湘西"),
    province(
        '粤',
        "广东省",
        "广东",
        "广州 韶关 深圳 珠海 汕头 佛山 江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮",
    ),
    province('桂', "广西壮族自治区", "广西", "南宁 柳州 桂林 梧州 北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左"),
    province('琼', "海南省", "海南", "海口 三亚 三沙 儋州"),
    province('渝', "重庆市", "重庆", ""),
    province(
        '川',
        "四川省",
        "四川",
        "成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 阿坝 甘孜 凉山",
    ),
    province('黔', "贵州省", "贵州", "贵阳 六盘水 遵义 安顺 毕节 铜仁 黔西南 黔东南 黔南"),
    province(
        '云',
        "云南省",
        "云南",
        "昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 楚雄 红河 文山 西双版纳 大理 德宏 怒江 迪庆",
    ),
    province('藏', "西藏自治区", "西藏", "拉萨 日喀则 昌都 林芝 山南 那曲 阿里"),
    province('陕', "陕西省", "陕西", "西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛"),
    province('甘', "甘肃省", "甘肃", "兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南 临夏 甘南"),
    province('青', "青海省", "青海", "西宁 海东 海北 黄南 玉树 果洛 海西"),
    province('宁', "宁夏回族自治区", "宁夏", "银川 石嘴山 吴忠 固原 中卫"),
    province(
        '新',
        "新疆维吾尔自治区",
        "新疆",
        "乌鲁木齐 克拉玛依 吐鲁番 哈密 昌吉 博尔塔拉 巴音郭楞 阿克苏 克孜勒苏 喀什 和田 伊犁 塔城 阿勒泰",
    ),
];

const fn province(sign: char, name: &'static str, short: &'static str, prefectures: &'static str) -> Province {
    Province { sign, name, short, prefectures }
}

/// The province of a court; `None` of the Supreme People's Court and where neither tells.
pub fn province_of(number: Option<&NumberParts>, court: &str) -> Option<&'static str> {
    // Before 2016 courts chose their signs: 宁 was Nanjing's too.
    let coded = number.filter(|number| number.court.ends_with(|c: char| c.is_ascii_digit()));
    let sign = coded.and_then(|number| number.court.chars().next());
    let by_sign = PROVINCES.iter().find(|p| Some(p.sign) == sign);
    let by_name = || PROVINCES.iter().find(|p| court.starts_with(p.short));
    let by_prefecture =
        || PROVINCES.iter().find(|p| p.prefectures.split(' ').any(|city| !city.is_empty() && court.starts_with(city)));
    by_sign.or_else(by_name).or_else(by_prefecture).map(|p| p.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provinces_by_sign_name_and_prefecture() {
        let parts = |court: &str| NumberParts {
            year: 2017,
            court: court.to_owned(),
            case_type: "刑初".to_owned(),
            serial: "1".to_owned(),
        };
        assert_eq!(province_of(Some(&parts("沪0120")), ""), Some("上海市"));
        assert_eq!(province_of(Some(&parts("宁")), "南京市中级人民法院"), Some("江苏省"));
        assert_eq!(province_of(None, "吉林省吉林市中级人民法院"), Some("吉林省"));
        assert_eq!(province_of(None, "青岛海事法院"), Some("山东省"));
        assert_eq!(province_of(None, "最高人民法院"), None);
    }

    #[test]
    fn no_prefecture_is_in_two_provinces() {
        let all: Vec<&str> =
            PROVINCES.iter().flat_map(|p| p.prefectures.split(' ')).filter(|c| !c.is_empty()).collect();
        for (i, city) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| !other.starts_with(city) && !city.starts_with(other)), "{city}");
        }
    }
}
